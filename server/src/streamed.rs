//! Lists with large rows: read and written in pieces, as fast as the client takes them, so that a
//! slow client holds only one piece in memory. Meanwhile no database connection is held.

use crate::error::Error;
use crate::request::Listing;
use crate::store::{Listed, Page, StoreError};
use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _, future, stream};
use serde::Serialize;
use std::time::{Duration, Instant};
use uuid::Uuid;
use zeroize::Zeroizing;

/// A piece ends with the row that reaches this size.
const PIECE_BYTES: usize = 32 * 1024;
/// The longest time for reading a list: the caller's rights were checked at its start.
const MAX_READING: Duration = Duration::from_secs(5 * 60);

/// The rows of a list, each produced on demand.
// Decision: docs/decisions/storage.md#large-lists-are-read-and-sent-piece-by-piece
pub(crate) struct Streamed<T> {
    rows: BoxStream<'static, Result<T, Error>>,
    /// The number of rows in the whole list.
    total: u64,
}

/// The records of a list: first those already read, then each of the others by its id. A record
/// deleted meanwhile is skipped.
pub(crate) fn records<T, F>(
    Listed { first, rest, total }: Listed<T>,
    find: impl FnMut(Uuid) -> F + Send + 'static,
) -> Streamed<T>
where
    T: Send + 'static,
    F: Future<Output = Result<Option<T>, StoreError>> + Send + 'static,
{
    let rest = stream::iter(rest).then(find).err_into().try_filter_map(future::ok);
    Streamed { rows: stream::iter(first).map(Ok).chain(rest).boxed(), total }
}

impl<T: Send + 'static> Streamed<T> {
    /// Converts each row with a look-up, which can skip it.
    pub(crate) fn and_then<U, F>(self, form: impl FnMut(T) -> F + Send + 'static) -> Streamed<U>
    where
        F: Future<Output = Result<Option<U>, Error>> + Send + 'static,
        U: Send + 'static,
    {
        Streamed { rows: self.rows.try_filter_map(form).boxed(), total: self.total }
    }

    /// Converts each row.
    pub(crate) fn map<U: Send + 'static>(self, form: impl FnMut(T) -> U + Send + 'static) -> Streamed<U> {
        Streamed { rows: self.rows.map_ok(form).boxed(), total: self.total }
    }

    /// The first `most` rows, each reduced by `form`.
    pub(crate) async fn first<U>(self, most: usize, form: impl FnMut(T) -> U) -> Result<Vec<U>, Error> {
        self.rows.take(most).map_ok(form).try_collect().await
    }

    /// All rows of a page, each reduced by `form`.
    pub(crate) async fn listing<U>(self, page: Page, form: impl FnMut(T) -> U) -> Result<Listing<U>, Error> {
        let total = self.total;
        Ok(Listing::of((self.first(usize::MAX, form).await?, total), page, |row| row))
    }
}

impl<T: Serialize + Send + 'static> Streamed<T> {
    /// Writes a page of the list in the form of a [`Listing`].
    pub(crate) async fn answer_page(self, page: Page) -> Result<Response, Error> {
        // The type that defines the form writes it without rows.
        let frame = Listing::of((Vec::<()>::new(), self.total), page, |row| row);
        let frame = serde_json::to_string(&frame).map_err(|_| Error::Internal("a list as JSON"))?;
        let split = frame.find("[]").ok_or(Error::Internal("a list without rows"))? + 1;
        let (begin, end) = frame.split_at(split);
        self.answer(begin.to_owned(), end.to_owned()).await
    }

    /// Writes all rows as an array.
    pub(crate) async fn answer_array(self) -> Result<Response, Error> {
        self.answer("[".to_owned(), "]".to_owned()).await
    }

    async fn answer(self, begin: String, end: String) -> Result<Response, Error> {
        let until = Instant::now() + MAX_READING;
        let mut pieces = Pieces { rows: self.rows, begin, end, is_in_rows: false, is_over: false, until };
        // A failure at the start can still set the status.
        let first = pieces.next().await?;
        let body = if pieces.is_over {
            Body::from(first)
        } else {
            Body::from_stream(stream::once(future::ok(first)).chain(stream::try_unfold(pieces, rest)))
        };
        Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
    }
}

/// The next piece. A failure cuts the connection, which tells the client.
async fn rest<T: Serialize>(mut pieces: Pieces<T>) -> Result<Option<(Bytes, Pieces<T>)>, Error> {
    if pieces.is_over {
        return Ok(None);
    }
    let piece = pieces.next().await.inspect_err(Error::log)?;
    Ok(Some((piece, pieces)))
}

/// The JSON of a list, written so far.
struct Pieces<T> {
    rows: BoxStream<'static, Result<T, Error>>,
    /// Written before the rows, and then emptied.
    begin: String,
    end: String,
    is_in_rows: bool,
    is_over: bool,
    until: Instant,
}

impl<T: Serialize> Pieces<T> {
    async fn next(&mut self) -> Result<Bytes, Error> {
        if Instant::now() >= self.until {
            return Err(Error::Overdue);
        }
        // The JSON contains secret values, so it is wiped after sending.
        let mut json = Zeroizing::new(std::mem::take(&mut self.begin).into_bytes());
        while json.len() < PIECE_BYTES {
            let Some(row) = self.rows.try_next().await? else {
                json.extend_from_slice(self.end.as_bytes());
                self.is_over = true;
                break;
            };
            if std::mem::replace(&mut self.is_in_rows, true) {
                json.push(b',');
            }
            serde_json::to_writer(&mut *json, &row).map_err(|_| Error::Internal("a row as JSON"))?;
        }
        json.shrink_to_fit();
        Ok(Bytes::from_owner(json))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;

    const PAGE: Page = Page { number: 2, size: 100 };

    /// A list of three texts and seven more. The fifth of the seven is deleted. If the list `breaks`,
    /// the last one can't be read.
    fn texts(bytes: usize, breaks: bool) -> Streamed<String> {
        let first = (0..3).map(|_| "a".repeat(bytes)).collect();
        let listed = Listed { first, rest: (0..7).map(Uuid::from_u128).collect(), total: 210 };
        records(listed, move |id| async move {
            match id.as_u128() {
                4 => Ok(None),
                6 if breaks => Err(StoreError::Closed),
                _ => Ok(Some("b".repeat(bytes))),
            }
        })
    }

    #[tokio::test]
    async fn sends_a_small_page_in_one_piece_as_a_listing() {
        let response = texts(1, false).answer_page(PAGE).await.unwrap();
        assert!(axum::body::HttpBody::size_hint(response.body()).exact().is_some());
        let json = response.into_body().collect().await.unwrap().to_bytes();
        let expected =
            r#"{"data":["a","a","a","b","b","b","b","b","b"],"total":210,"page":2,"pageSize":100}"#;
        assert_eq!(json, expected);
        let none = Listed { first: Vec::<String>::new(), rest: Vec::new(), total: 0 };
        let none = records(none, |_| future::ok(None)).answer_array().await.unwrap();
        assert_eq!(none.into_body().collect().await.unwrap().to_bytes(), "[]");
    }

    #[tokio::test]
    async fn sends_a_large_list_row_by_row_and_skips_deleted_records() {
        let response = texts(PIECE_BYTES, false).answer_array().await.unwrap();
        let mut body = response.into_body();
        let mut json = Vec::new();
        while let Some(frame) = body.frame().await {
            let piece = frame.unwrap().into_data().unwrap();
            assert!(piece.len() <= PIECE_BYTES + 4, "{} bytes", piece.len());
            json.extend_from_slice(&piece);
        }
        let rows: Vec<String> = serde_json::from_slice(&json).unwrap();
        assert_eq!(rows.len(), 9);
    }

    #[tokio::test]
    async fn cuts_off_a_list_that_fails_midway() {
        let response = texts(PIECE_BYTES, true).answer_array().await.unwrap();
        let mut body = response.into_body();
        let mut json = Vec::new();
        let failure = loop {
            match body.frame().await.unwrap() {
                Ok(frame) => json.extend_from_slice(&frame.into_data().unwrap()),
                Err(failure) => break failure,
            }
        };
        assert!(!failure.to_string().is_empty());
        assert!(serde_json::from_slice::<Vec<String>>(&json).is_err());
        assert!(texts(1, true).answer_array().await.is_err(), "a failure at the start has a status");
    }

    #[tokio::test]
    async fn limits_how_long_a_list_can_be_read() {
        let rows = texts(PIECE_BYTES, false).rows;
        let (begin, end) = ("[".to_owned(), "]".to_owned());
        let mut pieces =
            Pieces { rows, begin, end, is_in_rows: false, is_over: false, until: Instant::now() };
        assert!(matches!(pieces.next().await, Err(Error::Overdue)));
    }

    #[tokio::test]
    async fn a_page_for_people_keeps_only_what_it_shows() {
        let listing = texts(PIECE_BYTES, false).listing(PAGE, |text| text.len()).await.unwrap();
        assert_eq!((listing.data, listing.total), (vec![PIECE_BYTES; 9], 210));
        assert_eq!(texts(1, true).first(2, |text| text.len()).await.unwrap(), [1, 1]);
        assert!(texts(1, true).listing(PAGE, |text| text.len()).await.is_err());
    }
}
