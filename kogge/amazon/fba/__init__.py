"""Amazon ships what the shop sold. The modules in the order of an order's way:

stock, activation               what lies at Amazon, and which products may be ticked for it
preferences, speeds             what the merchant chose
planning → drafting             which lines of which shop orders Amazon is to ship; the rows of them
handing_over                    previewing, creating, cancelling: what Amazon is told, by way of
                                requests, addresses, numbering and the desk in asking
following                       parcels, settling, alarms: how far Amazon is
ending                          how it ends, and that the rest is the merchant's again
wishes, releasing, listening    what the merchant clicks, what the shop asks, what connections tell
words                           all of it in plain words
"""
