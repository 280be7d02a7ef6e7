"""``python -m graphnet``."""

from graphnet.cli import main

raise SystemExit(main())
