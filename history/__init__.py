"""What was done: executions, deliveries, attempts and their counts."""
