"""Measurements of the house's bulk work against raw limits and usual ways of doing it (docs/performance.md)."""
