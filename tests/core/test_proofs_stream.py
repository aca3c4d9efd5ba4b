"""Proofs read tables of millions as a stream."""

from django.db import connection

from huimin.core.records import proofs


def test_a_proof_that_reads_a_stream_leaves_no_file_with_all_of_it(committed_db, monkeypatch):
    def check():
        with connection.chunked_cursor() as rows, connection.cursor() as beside:
            rows.execute("SELECT generate_series(1, 10)")
            beside.execute("SELECT is_holdable FROM pg_cursors")
            return beside.fetchone()[0], []

    monkeypatch.setattr(proofs, "_checks", [("流", check)])
    (found,) = proofs.run_all()
    assert found.checked is False
