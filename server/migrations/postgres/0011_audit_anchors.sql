-- What stands in the place of a chain's first rows once they were removed on purpose:
-- the last of them, and who removed them when; signed. `cuts` counts those among all
-- that were removed which told that another chain had lost rows.
CREATE TABLE audit_anchors (
    chain      bigint PRIMARY KEY,
    sequence   bigint NOT NULL,
    mac        bytea NOT NULL,
    cuts       bigint NOT NULL,
    removed_at bigint NOT NULL,
    removed_by text NOT NULL,
    signature  bytea NOT NULL
);

-- The log by time, newest first. It grows at its end, as the log does; an index by record
-- or caller would be written at another place with each row.
CREATE INDEX audit_log_at ON audit_log (at, chain, sequence);
