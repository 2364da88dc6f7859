"""Records on the wire: batches (format 2), the formats before it (read only), compression, checksums."""
