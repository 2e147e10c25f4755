"""The yardsticks: other people's queues with the same mail, in an environment apart.

Nothing here may use the product's code, nor anything but what requirements/bench.txt
brings. Each program puts mails into its queue, sends them, and prints both rates.
"""
