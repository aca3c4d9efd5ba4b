"""What is measured: for each job the raw limit, our service, and how its base database is filled."""
