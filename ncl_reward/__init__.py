"""NCL: a sentence becomes a vector, the vector weighs rules, and the rules shape loss and reward."""
