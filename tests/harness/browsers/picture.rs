//! Pictures of pages, joined from several screenshots and written with at most 256
//! colours. Pages have few colours, and with a palette their copies in the repository are
//! a third as large.

use anyhow::{Context as _, Result, ensure};
use png::{BitDepth, ColorType, Decoder, DeflateCompression, Encoder, Filter, Transformations};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Cursor};
use std::path::Path;

/// A colour: red, green, blue.
type Rgb = [u8; 3];

/// A picture, row by row.
#[derive(Debug)]
pub(crate) struct Picture {
    width: usize,
    pixels: Vec<Rgb>,
}

impl Picture {
    /// An empty picture.
    pub(crate) fn new(width: usize) -> Self {
        Self { width, pixels: Vec::new() }
    }

    /// How many rows it has.
    pub(crate) fn height(&self) -> usize {
        self.pixels.len() / self.width.max(1)
    }

    /// Adds the rows of a PNG file from `first` on, cut to this picture's width.
    pub(crate) fn append(&mut self, png: &[u8], first: usize) -> Result<()> {
        let mut decoder = Decoder::new(Cursor::new(png));
        decoder.set_transformations(Transformations::normalize_to_color8());
        let mut reader = decoder.read_info()?;
        let mut bytes = vec![0; reader.output_buffer_size().context("a picture of some size")?];
        let frame = reader.next_frame(&mut bytes)?;
        let samples = frame.color_type.samples();
        ensure!(samples >= 3, "a picture has colours");
        ensure!(frame.width as usize >= self.width, "the page became narrower");
        for row in bytes.chunks_exact(frame.line_size).take(frame.height as usize).skip(first) {
            let pixels = row.chunks_exact(samples).take(self.width);
            self.pixels.extend(pixels.map(|pixel| [pixel[0], pixel[1], pixel[2]]));
        }
        Ok(())
    }

    /// Writes the picture to a PNG file.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let (palette, indices) = self.indexed();
        let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        let (width, height) = (u32::try_from(self.width)?, u32::try_from(self.height())?);
        let mut encoder = Encoder::new(BufWriter::new(file), width, height);
        encoder.set_color(ColorType::Indexed);
        encoder.set_depth(BitDepth::Eight);
        // Palette indexes can't be predicted from their neighbours.
        encoder.set_filter(Filter::NoFilter);
        encoder.set_deflate_compression(DeflateCompression::Level(9));
        encoder.set_palette(palette.concat());
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&indices)?;
        Ok(writer.finish()?)
    }

    /// The palette, made of the colours that would be missed most, and each pixel's nearest colour.
    fn indexed(&self) -> (Vec<Rgb>, Vec<u8>) {
        let mut counts: BTreeMap<Rgb, u64> = BTreeMap::new();
        for run in self.runs() {
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
        let mut indices = Vec::with_capacity(self.pixels.len());
        for run in self.runs() {
            indices.resize(indices.len() + run.len(), found[&run[0]].0);
        }
        (palette, indices)
    }

    /// Runs of pixels with the same colour, of which pages have many.
    fn runs(&self) -> impl Iterator<Item = &[Rgb]> {
        self.pixels.chunk_by(|one, next| one == next)
    }
}

/// Larger than the distance between any two colours.
const FAR: u64 = 3 * 256 * 256;

fn distance(one: Rgb, other: Rgb) -> u64 {
    one.iter().zip(other).map(|(one, other)| u64::from(one.abs_diff(other)).pow(2)).sum()
}
