# SPDX-License-Identifier: MIT
#
# python3 ktap.py <RESULTS    has the kernel's own parser (tools/testing/kunit) read results, and prints what it understood
# as JSON. FOREIGN is the folder that scripts/foreign.sh put it into.
import json
import os
import sys

sys.path.insert(0, os.path.join(os.environ['FOREIGN'], 'kunit'))
import kunit_parser  # noqa: E402


class Quiet:
    """Takes the place of the parser's printer, where it asks for one."""
    def __getattr__(self, name):
        if name == 'color_len':
            return lambda: 0
        return lambda *args, **kwargs: '' if name in ('red', 'yellow', 'green', 'timestamp') else None


kunit_parser.stdout = Quiet()
kunit_parser.print_with_timestamp = lambda *args: None


def tree(test):
    return {'name': test.name, 'status': test.status.name, 'log': test.log,
            'errors': test.counts.errors, 'tests': [tree(t) for t in test.subtests]}


# The parser decides by itself where a line ends; universal newlines would add some.
text = sys.stdin.buffer.read().decode('utf-8', 'surrogateescape')
lines = text.split('\n')
result = kunit_parser.parse_run_tests(lines) if not hasattr(kunit_parser, 'Printer') else kunit_parser.parse_run_tests(lines, Quiet())
json.dump(tree(getattr(result, 'test', result)), sys.stdout)
