"""The project's settings, each value with the place it came from."""

from __future__ import annotations

from runner.settings.schema import SCHEMA as SCHEMA
from runner.settings.sources import load as load
from runner.settings.values import Entry as Entry
from runner.settings.values import Policy as Policy
from runner.settings.values import Settings as Settings
