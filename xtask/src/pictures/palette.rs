//! Writes a picture with at most 256 colours. Pages have few, and with a palette their copies in
//! the repository are a third as large.

use anyhow::{Context as _, Result, ensure};
use png::{BitDepth, ColorType, Decoder, DeflateCompression, Encoder, Filter, Transformations};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;

/// A colour: red, green, blue.
type Rgb = [u8; 3];

/// Larger than the distance between any two colours.
const FAR: u64 = 3 * 256 * 256;

/// Copies a PNG file, with a palette.
///
/// # Errors
/// If a file can't be read or written, or the picture has no colours.
pub(super) fn copy(from: &Path, to: &Path) -> Result<()> {
    let mut decoder = Decoder::new(BufReader::new(File::open(from)?));
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut reader = decoder.read_info()?;
    let mut bytes = vec![0; reader.output_buffer_size().context("a picture of some size")?];
    let frame = reader.next_frame(&mut bytes)?;
    let samples = frame.color_type.samples();
    ensure!(samples >= 3, "{} has no colours", from.display());
    let pixels = bytes[..frame.buffer_size()].chunks_exact(samples);
    let (palette, indexes) = indexed(&pixels.map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect::<Vec<_>>());
    let mut encoder = Encoder::new(BufWriter::new(File::create(to)?), frame.width, frame.height);
    encoder.set_color(ColorType::Indexed);
    encoder.set_depth(BitDepth::Eight);
    // Palette indexes can't be predicted from their neighbours.
    encoder.set_filter(Filter::NoFilter);
    encoder.set_deflate_compression(DeflateCompression::Level(9));
    encoder.set_palette(palette.concat());
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&indexes)?;
    Ok(writer.finish()?)
}

/// The palette, made of the colours that would be missed most, and each pixel's nearest colour.
fn indexed(pixels: &[Rgb]) -> (Vec<Rgb>, Vec<u8>) {
    // Pages have many runs of pixels with the same colour.
    let runs = || pixels.chunk_by(|one, next| one == next);
    let mut counts: BTreeMap<Rgb, u64> = BTreeMap::new();
    for run in runs() {
        *counts.entry(run[0]).or_default() += run.len() as u64;
    }
    // For each colour, the nearest palette entry and its distance.
    let mut found: BTreeMap<Rgb, (u8, u64)> = counts.keys().map(|colour| (*colour, (0, FAR))).collect();
    let mut palette = Vec::new();
    for place in 0..=u8::MAX {
        let missed = found.iter().max_by_key(|(colour, (_, away))| away * counts[*colour]);
        let Some((added, _)) = missed.filter(|(_, (_, away))| *away > 0) else { break };
        let added = *added;
        palette.push(added);
        for (colour, nearest) in &mut found {
            let away = distance(*colour, added);
            if away < nearest.1 {
                *nearest = (place, away);
            }
        }
    }
    let mut indexes = Vec::with_capacity(pixels.len());
    for run in runs() {
        indexes.resize(indexes.len() + run.len(), found[&run[0]].0);
    }
    (palette, indexes)
}

fn distance(one: Rgb, other: Rgb) -> u64 {
    one.iter().zip(other).map(|(one, other)| u64::from(one.abs_diff(other)).pow(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_the_most_used_colours_in_their_places() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let (from, to) = (folder.path().join("from.png"), folder.path().join("to.png"));
        // One red pixel among white and blue ones; then more greys than a palette has entries.
        let mut pixels = vec![[255, 255, 255], [0, 0, 255], [255, 0, 0], [0, 0, 255]];
        pixels.extend((0..200).flat_map(|grey| [[grey, grey, 0], [grey, grey, 1]]));
        let mut encoder = Encoder::new(File::create(&from)?, 4, u32::try_from(pixels.len() / 4)?);
        encoder.set_color(ColorType::Rgb);
        encoder.write_header()?.write_image_data(&pixels.concat())?;
        copy(&from, &to)?;

        let mut reader = Decoder::new(BufReader::new(File::open(&to)?)).read_info()?;
        assert_eq!(reader.info().color_type, ColorType::Indexed);
        let palette = reader.info().palette.clone().context("no palette")?;
        assert!(palette.len() <= 3 * 256);
        let mut indexes = vec![0; reader.output_buffer_size().context("a picture of some size")?];
        reader.next_frame(&mut indexes)?;
        for (pixel, index) in pixels.iter().zip(&indexes) {
            let shown = &palette[3 * usize::from(*index)..][..3];
            assert!(
                pixel.iter().zip(shown).all(|(one, other)| one.abs_diff(*other) <= 2),
                "{pixel:?} {shown:?}"
            );
        }
        Ok(())
    }
}
