"""Where results live: immutable contents, manifests, snapshots, and the formats of files."""
