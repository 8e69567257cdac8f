//! Pictures of pages, put together of what was seen at a time, and written with at
//! most 256 colours: pages have few, and their copies in the repository are a third
//! as large.

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
    /// One without rows.
    pub(crate) fn new(width: usize) -> Self {
        Self { width, pixels: Vec::new() }
    }

    /// How many rows it has.
    pub(crate) fn height(&self) -> usize {
        self.pixels.len() / self.width.max(1)
    }

    /// Adds the rows of a PNG file from `first` on, without what is wider.
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

    /// Writes it to a PNG file.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let (palette, indices) = self.indexed();
        let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        let (width, height) = (u32::try_from(self.width)?, u32::try_from(self.height())?);
        let mut encoder = Encoder::new(BufWriter::new(file), width, height);
        encoder.set_color(ColorType::Indexed);
        encoder.set_depth(BitDepth::Eight);
        // Places in a palette have no neighbours to foretell them from.
        encoder.set_filter(Filter::NoFilter);
        encoder.set_deflate_compression(DeflateCompression::Level(9));
        encoder.set_palette(palette.concat());
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&indices)?;
        Ok(writer.finish()?)
    }

    /// The colours that are missed most without them, and for each pixel the nearest.
    fn indexed(&self) -> (Vec<Rgb>, Vec<u8>) {
        let mut counts: BTreeMap<Rgb, u64> = BTreeMap::new();
        for run in self.runs() {
            *counts.entry(run[0]).or_default() += run.len() as u64;
        }
        // Each colour with the nearest one that is there, and how far away it is.
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

    /// Pixels of one colour side by side, of which pages have many.
    fn runs(&self) -> impl Iterator<Item = &[Rgb]> {
        self.pixels.chunk_by(|one, next| one == next)
    }
}

/// More than any two colours are apart.
const FAR: u64 = 3 * 256 * 256;

fn distance(one: Rgb, other: Rgb) -> u64 {
    one.iter().zip(other).map(|(one, other)| u64::from(one.abs_diff(other)).pow(2)).sum()
}
