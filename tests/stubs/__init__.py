"""Stand-ins for every service that the house asks about pictures: real formats over real HTTP, made-up
products, and any fault on demand."""
