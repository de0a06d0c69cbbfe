"""The broker: queues, windows, drop policy, leases and feeds of one group of cameras."""
