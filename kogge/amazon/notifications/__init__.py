"""Amazon's notifications: hints, by way of a queue, where to look before the clock says so.

Nothing depends on them. An installation without a queue does not even load the library for it, and what
a notification says is never believed: it makes the work due that asks Amazon itself.

    subscribing   has Amazon send them, for each connection
    receiving     takes them from the queue, beside the worker
    hints         turns them into work that is due
    fetching      takes in the orders they name, one by one
"""
