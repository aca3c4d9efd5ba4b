"""What the proofs of this room share."""

MOST = 20
COUNT_LINES = "SELECT count(*) FROM disbursement_paymentline"
