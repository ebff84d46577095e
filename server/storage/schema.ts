/** The tables of a relay's SQLite file, the same on every runtime: what each version added, and the statements on them. */

/** "Rejn": tells the file apart from any other SQLite database. */
export const APPLICATION_ID = 0x52656a6e

/**
 * What makes version n + 1 of a file out of version n; the first of nothing. A file of a later version is refused, an
 * earlier one is brought up to date.
 */
export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE epochs (number INTEGER PRIMARY KEY, epoch TEXT NOT NULL, start INTEGER NOT NULL);
  CREATE TABLE documents (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, epoch TEXT NOT NULL, gc INTEGER NOT NULL,
    vector BLOB NOT NULL, bytes INTEGER NOT NULL);
  CREATE TABLE log (
    "offset" INTEGER PRIMARY KEY, document INTEGER NOT NULL, origin BLOB NOT NULL, seq INTEGER NOT NULL,
    kind INTEGER NOT NULL, bytes BLOB NOT NULL, checksum BLOB NOT NULL, chain BLOB NOT NULL);
  CREATE UNIQUE INDEX log_dot ON log (document, origin, seq);
  CREATE INDEX log_document ON log (document);`,

  // `trimmable`: the log may still hold entries that the checkpoint covers.
  `INSERT INTO meta (key, value) VALUES ('low', '0');
  CREATE TABLE checkpoints (
    document INTEGER PRIMARY KEY, id BLOB NOT NULL, vector BLOB NOT NULL, "through" INTEGER NOT NULL,
    pieces INTEGER NOT NULL, bytes INTEGER NOT NULL, size INTEGER NOT NULL, compacted INTEGER NOT NULL,
    intervals BLOB NOT NULL, checksum BLOB NOT NULL, trimmable INTEGER NOT NULL);
  CREATE INDEX checkpoints_trimmable ON checkpoints (document) WHERE trimmable = 1;
  CREATE TABLE pieces (
    document INTEGER NOT NULL, number INTEGER NOT NULL, size INTEGER NOT NULL, bytes BLOB NOT NULL,
    checksum BLOB NOT NULL);
  CREATE UNIQUE INDEX pieces_number ON pieces (document, number);
  CREATE TABLE transfers (
    number INTEGER PRIMARY KEY, document TEXT NOT NULL UNIQUE, epoch TEXT NOT NULL, gc INTEGER NOT NULL,
    id BLOB NOT NULL, pieces INTEGER NOT NULL, bytes INTEGER NOT NULL, size INTEGER NOT NULL, "at" INTEGER NOT NULL);
  CREATE TABLE transfer_pieces (
    transfer INTEGER NOT NULL, number INTEGER NOT NULL, size INTEGER NOT NULL, bytes BLOB NOT NULL,
    checksum BLOB NOT NULL);
  CREATE UNIQUE INDEX transfer_pieces_number ON transfer_pieces (transfer, number);
  CREATE TABLE marks ("offset" INTEGER PRIMARY KEY, "at" INTEGER NOT NULL, bytes INTEGER NOT NULL);`,

  `ALTER TABLE documents ADD COLUMN touched INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE documents ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;
  UPDATE documents SET touched = unixepoch() * 1000;
  CREATE INDEX documents_deleted ON documents (deleted) WHERE deleted > 0;
  CREATE TABLE summary (head INTEGER NOT NULL, bytes BLOB NOT NULL);`,

  // Whose names are.
  `CREATE TABLE writers (
    document INTEGER NOT NULL, client INTEGER NOT NULL, owner BLOB NOT NULL, used INTEGER NOT NULL, checksum BLOB NOT NULL,
    PRIMARY KEY (document, client)) WITHOUT ROWID;
  CREATE TABLE owners (
    origin BLOB PRIMARY KEY, owner BLOB NOT NULL, used INTEGER NOT NULL, checksum BLOB NOT NULL) WITHOUT ROWID;
  ALTER TABLE meta ADD COLUMN checksum BLOB NOT NULL DEFAULT x'';
  ALTER TABLE epochs ADD COLUMN checksum BLOB NOT NULL DEFAULT x'';
  ALTER TABLE documents ADD COLUMN checksum BLOB NOT NULL DEFAULT x'';
  ALTER TABLE transfers ADD COLUMN checksum BLOB NOT NULL DEFAULT x'';
  ALTER TABLE marks ADD COLUMN checksum BLOB NOT NULL DEFAULT x'';
  ALTER TABLE summary ADD COLUMN checksum BLOB NOT NULL DEFAULT x'';`,

  // What of the intervals of checkpoints does not fit their rows, from the second part on.
  `CREATE TABLE parts (document INTEGER NOT NULL, number INTEGER NOT NULL, bytes BLOB NOT NULL);
  CREATE UNIQUE INDEX parts_number ON parts (document, number);`,

  // At what the relay failed.
  `CREATE TABLE quarantine (
    number INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, about TEXT NOT NULL, bytes BLOB NOT NULL, checksum BLOB NOT NULL);`,
]

/** From this version on every row has a checksum: those of an older file get theirs when it is brought up to date. */
export const CHECKSUMS_SINCE = 4

/** From this version on what is large is in parts: that of an older file is parted when it is brought up to date. */
export const PARTS_SINCE = 5

export const SCHEMA_VERSION = MIGRATIONS.length

/** Stands in `log.kind` for an entry that is no record: a checkpoint that came from outside. It has no origin either. */
export const RESTORED_KIND = -1
/** Stands there for a tombstone. */
export const TOMBSTONE_KIND = -2

/** Documents read at a time while all are listed. */
const PAGE = 256

const ENTRIES = `SELECT log.*, documents.id, documents.epoch, documents.gc FROM log
  JOIN documents ON documents.number = log.document`

export const STATEMENTS = {
  meta: 'SELECT key, value, checksum FROM meta WHERE key = ?',
  setMeta: 'INSERT OR REPLACE INTO meta VALUES (?, ?, ?)',
  epochs: 'SELECT epoch, start, checksum FROM epochs ORDER BY number',
  addEpoch: 'INSERT INTO epochs (epoch, start, checksum) VALUES (?, ?, ?)',
  trimEpochs: 'DELETE FROM epochs WHERE number <= (SELECT MAX(number) FROM epochs) - ?',

  number: 'SELECT number FROM documents WHERE id = ?',
  document: 'SELECT * FROM documents WHERE id = ?',
  documents: `SELECT * FROM documents WHERE id > ? ORDER BY id LIMIT ${PAGE}`,
  totals: 'SELECT COUNT(*) AS documents, COALESCE(SUM(bytes), 0) AS bytes FROM documents',
  // The index alone answers it, also where a row is damaged.
  ids: 'SELECT id, number FROM documents ORDER BY id',
  repairDocument: `UPDATE documents SET id = ?, epoch = ?, gc = ?, vector = ?, bytes = ?, touched = ?, deleted = ?, checksum = ?
    WHERE number = ?`,
  dropDocument: 'DELETE FROM documents WHERE number = ?',
  dropEpochs: 'DELETE FROM epochs',
  originsOf: 'SELECT DISTINCT origin FROM log WHERE document = ? AND kind >= 0',
  documentOf: 'SELECT * FROM documents WHERE number = ?',
  putDocument: `INSERT INTO documents (id, epoch, gc, vector, bytes, touched, deleted, checksum)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch, gc = excluded.gc, vector = excluded.vector,
      bytes = excluded.bytes, touched = excluded.touched, deleted = excluded.deleted, checksum = excluded.checksum`,
  untouched: 'SELECT id FROM documents WHERE touched < ? AND deleted = 0 LIMIT ?',
  buried: 'SELECT id FROM documents WHERE deleted > 0 AND deleted < ? LIMIT ?',
  summary: 'SELECT head, bytes, checksum FROM summary',
  dropSummary: 'DELETE FROM summary',
  putSummary: 'INSERT INTO summary VALUES (?, ?, ?)',

  head: 'SELECT COALESCE(MAX("offset"), 0) AS head FROM log',
  append: 'INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  record: 'SELECT * FROM log WHERE document = ? AND origin = ? AND seq = ?',
  // The index alone answers it: "offset" is the row id.
  locate: 'SELECT "offset" FROM log WHERE document = ? AND origin = ? AND seq BETWEEN ? AND ?',
  entry: `${ENTRIES} WHERE "offset" = ?`,
  history: `SELECT * FROM log INDEXED BY log_document
    WHERE document = ? AND "offset" > ? AND kind >= 0 ORDER BY "offset"`,
  read: `${ENTRIES} WHERE "offset" > ? ORDER BY "offset"`,

  clearLog: 'DELETE FROM log WHERE document = ?',
  clearBefore: 'DELETE FROM log WHERE document = ? AND "offset" < ?',
  clearCheckpoint: 'DELETE FROM checkpoints WHERE document = ?',

  checkpoint: 'SELECT * FROM checkpoints WHERE document = ?',
  parts: 'SELECT bytes FROM parts WHERE document = ? ORDER BY number',
  clearParts: 'DELETE FROM parts WHERE document = ?',
  putPart: 'INSERT INTO parts VALUES (?, ?, ?)',
  putCheckpoint: 'INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)',
  piece: 'SELECT size, bytes, checksum FROM pieces WHERE document = ? AND number = ?',
  putPiece: 'INSERT INTO pieces VALUES (?, ?, ?, ?, ?)',
  cutPieces: 'DELETE FROM pieces WHERE document = ? AND number >= ?',
  adoptPieces: `INSERT INTO pieces SELECT ?1, number + ?2, size, bytes, checksum FROM transfer_pieces
    WHERE transfer = (SELECT number FROM transfers WHERE document = ?3) ORDER BY number`,

  transfer: 'SELECT * FROM transfers WHERE document = ?',
  transfers: 'SELECT * FROM transfers',
  beginTransfer:
    'INSERT INTO transfers (document, epoch, gc, id, pieces, bytes, size, "at") VALUES (?, ?, ?, ?, 0, 0, 0, 0)',
  growTransfer: `UPDATE transfers SET pieces = pieces + 1, bytes = bytes + ?, size = size + ?, "at" = ?
    WHERE document = ? AND id = ? AND pieces = ? RETURNING *`,
  checkTransfer: 'UPDATE transfers SET checksum = ? WHERE number = ?',
  transferPiece: 'SELECT size, bytes, checksum FROM transfer_pieces WHERE transfer = ? AND number = ?',
  putTransferPiece: 'INSERT INTO transfer_pieces VALUES (?, ?, ?, ?, ?)',
  dropTransferPieces: 'DELETE FROM transfer_pieces WHERE transfer = (SELECT number FROM transfers WHERE document = ?)',
  dropTransfer: 'DELETE FROM transfers WHERE document = ?',

  writers: 'SELECT client, owner, used, checksum FROM writers WHERE document = ?',
  putWriter: 'INSERT OR REPLACE INTO writers VALUES (?, ?, ?, ?, ?)',
  clearWriters: 'DELETE FROM writers WHERE document = ?',
  owner: 'SELECT * FROM owners WHERE origin = ?',
  putOwner: 'INSERT OR REPLACE INTO owners VALUES (?, ?, ?, ?)',
  lapsedWriters: 'SELECT document, client FROM writers WHERE used < ? LIMIT ?',
  forgetWriter: 'DELETE FROM writers WHERE document = ? AND client = ?',
  lapsedOwners: 'SELECT origin FROM owners WHERE used < ? LIMIT ?',
  forgetOwner: 'DELETE FROM owners WHERE origin = ?',

  quarantined: 'SELECT * FROM quarantine ORDER BY number',
  isSetAside: 'SELECT 1 FROM quarantine WHERE id = ?',
  setAside: 'INSERT OR REPLACE INTO quarantine (id, about, bytes, checksum) VALUES (?, ?, ?, ?)',
  letGo: 'DELETE FROM quarantine WHERE id = ?',
  trimQuarantine:
    'DELETE FROM quarantine WHERE number NOT IN (SELECT number FROM quarantine ORDER BY number DESC LIMIT ?)',

  marks: 'SELECT "offset", "at", bytes, checksum FROM marks ORDER BY "offset"',
  addMark: 'INSERT OR REPLACE INTO marks VALUES (?, ?, ?, ?)',
  trimMarks: 'DELETE FROM marks WHERE "offset" < ?',
  trimmable: `SELECT log."offset", log.document, length(log.bytes) AS bytes FROM checkpoints
    CROSS JOIN log INDEXED BY log_document
      ON log.document = checkpoints.document AND log."offset" <= MIN(checkpoints."through", ?)
    WHERE checkpoints.trimmable = 1 LIMIT ?`,
  trim: 'DELETE FROM log WHERE "offset" = ?',
  trimmed: `UPDATE checkpoints SET trimmable = EXISTS (SELECT 1 FROM log INDEXED BY log_document
    WHERE log.document = checkpoints.document AND log."offset" <= checkpoints."through") WHERE document = ?`,
} as const

export type StatementName = keyof typeof STATEMENTS
