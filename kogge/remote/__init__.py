"""A merchant who works in a shop of another house: Kogge keeps a copy of it and runs its errands.

The tables of the built-in shop hold the copy: what Amazon sold is placed there at once, in one transaction,
and an errand says that the remote shop must be told. What the merchant does over there is read and done to
the copy as if they had clicked it here. So the Amazon app sees one kind of shop, no order waits for a
network, and a shop that is down for a day is told everything the next (decision 12).

    connecting    register with the shop, test the access, begin, pause, cut
    access        the secrets, and the way to the shop's API with them
    adapter       the Shop port for such a merchant: the built-in shop plus an errand for what must be told
    telling       what happens in the copy becomes errands, in the transaction of what happened
    errands       what the shop must be told, one row each, done in order; what may have happened is looked up
    saying        how each errand is told: what to look at first, what to say, what to note of the answer
    products      read products and stock into the copy
    orders        read the shop's orders: what was done with Amazon's, and what the shop sold itself
    adopting      what the shop sold becomes an own order of the copy
    following     what the merchant did over there is done to the copy
    counting      by how much the shop itself counted its stock down for an order
    stock         the copy's stock follows the shop's; where both differ for good, the shop's is moved
    hints         webhooks: somebody says that something changed, so look now
    elsewhere     what the back office is told of the shop: where things are there, and what presses
"""
