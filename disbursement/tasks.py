"""Jobs and steps of this app become known when Django starts: importing the services registers them."""

from disbursement.services import batches, confirming, orders, reversals, rosters

__all__ = ["batches", "confirming", "orders", "reversals", "rosters"]
