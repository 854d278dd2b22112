-- Times are microseconds since 1970, zero for what has not happened; spans are microseconds.

-- +goose Up
CREATE TABLE calls (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  call TEXT NOT NULL,
  trunk TEXT NOT NULL,
  number TEXT NOT NULL,
  called TEXT NOT NULL,
  category TEXT NOT NULL,
  action TEXT NOT NULL,
  rule TEXT NOT NULL,
  source TEXT NOT NULL,
  failed TEXT NOT NULL,
  mode TEXT NOT NULL,
  numbers TEXT NOT NULL,
  words TEXT NOT NULL,
  decision TEXT NOT NULL,
  final INTEGER NOT NULL DEFAULT 0,
  ring INTEGER NOT NULL DEFAULT 0,
  answered INTEGER NOT NULL DEFAULT 0,
  ended INTEGER NOT NULL DEFAULT 0,
  ended_by TEXT NOT NULL DEFAULT ''
);
-- Every index ends with the id by itself. That on the times holds the words too, so that
-- a search for a text reads neither the decisions nor anything else.
CREATE INDEX calls_at ON calls (at, id, words);
CREATE INDEX calls_call ON calls (call);
CREATE INDEX calls_trunk ON calls (trunk, at);
CREATE INDEX calls_number ON calls (number, at);
CREATE INDEX calls_called ON calls (called, at);
CREATE INDEX calls_category ON calls (category, at);
CREATE INDEX calls_action ON calls (action, at);
CREATE INDEX calls_rule ON calls (rule, at);
CREATE INDEX calls_source ON calls (source, at);
CREATE INDEX calls_final ON calls (final, at);

-- How many calls of a kind there were in an hour since 1970, for statistics.
CREATE TABLE hours (
  hour INTEGER NOT NULL,
  trunk TEXT NOT NULL,
  category TEXT NOT NULL,
  action TEXT NOT NULL,
  rule TEXT NOT NULL,
  source TEXT NOT NULL,
  failed TEXT NOT NULL,
  mode TEXT NOT NULL,
  calls INTEGER NOT NULL,
  last INTEGER NOT NULL,
  PRIMARY KEY (hour, trunk, category, action, rule, source, failed, mode)
) WITHOUT ROWID;

-- The last batch that each writer has written, so that none is written twice.
CREATE TABLE writers (id TEXT PRIMARY KEY, seq INTEGER NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;

-- Numbers that were erased, as keyed hashes.
CREATE TABLE erasures (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  hash TEXT NOT NULL,
  calls INTEGER NOT NULL
);

-- +goose Down
DROP TABLE erasures;
DROP TABLE writers;
DROP TABLE hours;
DROP TABLE calls;
