"""Minimal imitations of usual ways of doing the same work, on our tables; none of them is the product it resembles."""
