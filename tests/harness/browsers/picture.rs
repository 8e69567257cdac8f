//! Pictures of pages, joined from several screenshots.

use anyhow::{Context as _, Result, ensure};
use png::{ColorType, Compression, Decoder, Encoder, Transformations};
use std::fs::File;
use std::io::{BufWriter, Cursor};
use std::path::Path;

/// A picture, row by row.
#[derive(Debug)]
pub(crate) struct Picture {
    /// In pixels.
    width: usize,
    color: ColorType,
    rows: Vec<u8>,
}

impl Picture {
    /// An empty picture.
    pub(crate) fn new(width: usize) -> Self {
        Self { width, color: ColorType::Rgb, rows: Vec::new() }
    }

    /// How many rows it has.
    pub(crate) fn height(&self) -> usize {
        self.rows.len() / self.row_bytes().max(1)
    }

    fn row_bytes(&self) -> usize {
        self.width * self.color.samples()
    }

    /// Adds the rows of a PNG file from `first` on, cut to this picture's width.
    pub(crate) fn append(&mut self, png: &[u8], first: usize) -> Result<()> {
        let mut decoder = Decoder::new(Cursor::new(png));
        decoder.set_transformations(Transformations::normalize_to_color8());
        let mut reader = decoder.read_info()?;
        let mut bytes = vec![0; reader.output_buffer_size().context("a picture of some size")?];
        let frame = reader.next_frame(&mut bytes)?;
        ensure!(frame.color_type.samples() >= 3, "a picture has colours");
        ensure!(self.rows.is_empty() || frame.color_type == self.color, "the pictures' forms differ");
        ensure!(frame.width as usize >= self.width, "the page became narrower");
        self.color = frame.color_type;
        let row_bytes = self.row_bytes();
        for row in bytes.chunks_exact(frame.line_size).take(frame.height as usize).skip(first) {
            self.rows.extend_from_slice(&row[..row_bytes]);
        }
        Ok(())
    }

    /// Writes the picture to a PNG file.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        let (width, height) = (u32::try_from(self.width)?, u32::try_from(self.height())?);
        let mut encoder = Encoder::new(BufWriter::new(file), width, height);
        encoder.set_color(self.color);
        encoder.set_compression(Compression::Fast);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.rows)?;
        Ok(writer.finish()?)
    }
}
