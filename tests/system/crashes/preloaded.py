"""What every program of these tests needs, got ready once before any of them starts; only their server imports this."""

from __future__ import annotations

import gc
from importlib import import_module

from sqlalchemy.orm import configure_mappers

for _module in (
    "tests.system.crashes.broker_program",
    "tests.system.crashes.partner_program",
    "gateway.wakeups",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite",
):
    import_module(_module)
configure_mappers()
# A collector that looked at what is shared would have every program copy it, page by page.
gc.collect()
gc.freeze()
