"""The pool: sockets, and whom to talk to. Rooms above ask `client.Client`; nothing else of this package is theirs."""
