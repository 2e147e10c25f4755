"""What happened: event types, their contracts, the events and the work they leave."""
