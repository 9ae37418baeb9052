"""Named suites, the Records that they write, and the tables made from Records."""
