"""The dashboard's router: `xaimed dashboard RUNS` starts it."""

from __future__ import annotations

from dashboards import shell

shell.route()
