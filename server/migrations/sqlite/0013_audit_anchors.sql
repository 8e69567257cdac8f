-- What stands in the place of a chain's first rows once they were removed on purpose:
-- the last of them, and who removed them when; signed. `cuts` counts those among all
-- that were removed which told that another chain had lost rows.
CREATE TABLE audit_anchors (
    chain      INTEGER PRIMARY KEY,
    sequence   INTEGER NOT NULL,
    mac        BLOB NOT NULL,
    cuts       INTEGER NOT NULL,
    removed_at INTEGER NOT NULL,
    removed_by TEXT NOT NULL,
    signature  BLOB NOT NULL
) STRICT;

-- The log by time, newest first. It grows at its end, as the log does; an index by record
-- or caller would be written at another place with each row.
CREATE INDEX audit_log_at ON audit_log (at);
