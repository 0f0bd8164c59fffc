# Every target is a command of ./run, which does the work; "make" alone lists them.
.DEFAULT_GOAL := help
.PHONY: run test nightly build bench peers setup clean help

run:
	@./run demo $(ARGS)

bench:
	@./run bench $(ARGS)

test nightly build peers setup clean help:
	@./run $@
