#!/usr/bin/env python3
"""Checks that what each row of tests/broken.py breaks is there, once: `make broken` is run by hand."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import broken  # noqa: E402

broken.check_rows()
