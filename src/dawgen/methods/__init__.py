"""Every method that makes a classifier, on one interface: dawgen's own arms, and those it is compared with."""
