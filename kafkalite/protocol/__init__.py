"""The foundation: bytes to messages and back. Imports nothing else of ours and never waits."""
