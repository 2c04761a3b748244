"""Expressions of Jinja2, for chat_templates.py: one construct each, where Jinja2 and other engines differ."""

EXPRESSIONS = """{{ none }}|{{ true }}|{{ false }}|{{ [none, true, 1.0, 'a'] }}|{{ {'a': 'b', 'c': [1]} }}|{{ (1, 'x') }}|{{ (1,) }}
{{ 1 / 2 }}|{{ 4 / 2 }}|{{ 7 // 2 }}|{{ -7 // 2 }}|{{ -7 % 3 }}|{{ 2 ** 3 }}|{{ 1e16 }}|{{ 0.00001 }}|{{ 1.5e3 }}|{{ 10 * 1.5 }}
{{ 'a' ~ 1 ~ none ~ 1.0 ~ true ~ [1] }}|{{ 'ab' * 2 }}|{{ [1] * 2 }}|{{ 'x' + 'y' }}|{{ [1] + [2] }}|{{ (1,) + (2,) }}
{{ '%s-%d-%05.2f-%x-%%' % ('a', 3, 2.5, 255) }}|{{ 'x%s' % 'y' }}|{{ '%(a)s' % {'a': 1} }}|{{ '%s %s' | format('a', 1) }}
{{ '{}-{}'.format(1, 'b') }}|{{ '{a:>5}|{0}'.format('z', a='y') }}|{{ 'a' 'b' }}|{{ '\\x41\\u00e9\\t|\\d' }}
{{ 'a-b-c'.split('-') }}|{{ 'a-b-c'.rsplit('-', 1) }}|{{ ' a  b '.split() }}|{{ 'a b c'.split(maxsplit=1) }}|{{ 'a\\nb\\r\\nc'.splitlines() }}
{{ 'abcabc'.replace('b', 'x', 1) }}|{{ 'abc'.removeprefix('a').removesuffix('c') }}|{{ 'a=b=c'.partition('=') }}|{{ 'a=b=c'.rpartition('=') }}
{{ 'xxaxx'.strip('x') }}|{{ 'xxaxx'.lstrip('x') }}|{{ 'xxaxx'.rstrip('x') }}|{{ 'hello world'.title() }}|{{ 'hELLO'.capitalize() }}|{{ 'aB'.swapcase() }}
{{ 'ab'.center(6, '*') }}|{{ 'ab'.ljust(4) }}|{{ 'ab'.rjust(4) }}|{{ '7'.zfill(3) }}|{{ '-7'.zfill(4) }}|{{ 'abc'.find('c') }}|{{ 'abc'.index('b') }}|{{ 'abca'.rfind('a') }}
{{ 'abc'.startswith(('x', 'a')) }}|{{ 'abc'.endswith('c') }}|{{ 'aXbX'.count('X') }}|{{ ','.join(['a', 'b']) }}|{{ '12'.isdigit() }}|{{ 'ab'.isalpha() }}|{{ 'AB'.isupper() }}|{{ ' '.isspace() }}
{{ {'a': 1}.get('a') }}|{{ {'a': 1}.get('b') }}|{{ {'a': 1}.get('b', 2) }}|{{ {'a': 1, 'b': 2}.keys() | list }}|{{ {'a': 1}.values() | list }}|{{ {'a': 1}.items() | list }}
{{ {'items': 3, 'a': 4}.items() | list }}|{{ {'get': 1}.get('get') }}|{{ {'items': [1]}['items'] }}|{{ {'a': {'b': [1, 2]}}.a.b[-1] }}
{{ 'hello'[1:3] }}|{{ 'hello'[-3:] }}|{{ 'hello'[::-1] }}|{{ [1, 2, 3][1:] }}|{{ [1, 2, 3][::-1] }}|{{ [1, 2, 3][:-1] }}|{{ (1, 2, 3)[1:] }}
{{ undefined_thing }}|{{ undefined_thing is defined }}|{{ undefined_thing | default('d') }}|{{ '' | default('d', true) }}|{{ none | default('d') }}|{{ undefined_thing is none }}
{{ 'a' if false }}|{{ 'a' if true else 'b' }}|{{ not true }}|{{ 1 == 1.0 }}|{{ 1 < 2 <= 2 }}|{{ 'a' in 'abc' }}|{{ 1 not in [2] }}|{{ 'k' in {'k': 1} }}|{{ true == 1 }}
{{ 'x' is string }}|{{ 'x' is sequence }}|{{ 'x' is iterable }}|{{ [1] is sequence }}|{{ {} is mapping }}|{{ {} is iterable }}|{{ 1 is number }}|{{ true is number }}|{{ true is integer }}|{{ 1.0 is float }}|{{ none is none }}
{{ true is true }}|{{ 1 is true }}|{{ false is false }}|{{ 3 is odd }}|{{ 4 is divisibleby 2 }}|{{ 'a' is eq 'a' }}|{{ 'A' is upper }}|{{ namespace is callable }}|{{ 'x' is callable }}|{{ 1 is in [1] }}|{{ true is boolean }}|{{ none is sameas none }}
{{ [3, 1, 2] | sort }}|{{ ['b', 'A', 'c'] | sort }}|{{ ['b', 'A'] | sort(reverse=true) }}|{{ [1, 1, 2] | unique | list }}|{{ {'b': 1, 'a': 2} | dictsort }}|{{ [1, 2, 3] | sum }}|{{ [1, 5] | max }}|{{ [1, 5] | min }}
{{ [1, 2] | first }}|{{ [1, 2] | last }}|{{ 'abc' | first }}|{{ 'abc' | last }}|{{ [] | first }}|{{ [1, 2] | length }}|{{ 'ü' | length }}|{{ [1, 2, 3] | reverse | list }}|{{ 'abc' | reverse }}|{{ 'abc' | list }}
{{ '3' | int }}|{{ 'x' | int }}|{{ 'x' | int(7) }}|{{ '3.7' | int }}|{{ 3.7 | int }}|{{ '1.5' | float }}|{{ 2.567 | round(1) }}|{{ 2.5 | round }}|{{ -3 | abs }}|{{ 5 | string ~ 'x' }}|{{ true | string }}|{{ none | string }}
{{ ' a ' | trim }}|{{ 'xax' | trim('x') }}|{{ 'a' | upper }}|{{ 'A' | lower }}|{{ 'ab cd' | title }}|{{ 'ab' | capitalize }}|{{ 'aXb' | replace('X', '-') }}|{{ 'aaa' | replace('a', 'b', 2) }}|{{ 'a b' | wordcount }}|{{ 'ab' | center(6) }}
{{ [1, 2] | join }}|{{ [1, 2] | join(', ') }}|{{ [{'a': 1}, {'a': 2}] | join('-', attribute='a') }}|{{ [{'a': 1}, {'a': 2}] | map(attribute='a') | list }}|{{ [{'a': 1}, {}] | map(attribute='a', default=0) | list }}|{{ ['a'] | map('upper') | list }}
{{ [{'r': 'x', 'v': 1}, {'r': 'y', 'v': 2}] | selectattr('r', 'equalto', 'x') | map(attribute='v') | list }}|{{ [{'r': 1}, {}] | selectattr('r', 'defined') | list }}|{{ [{'r': 1}, {'r': 0}] | rejectattr('r') | list }}|{{ [1, 2, 3] | select('odd') | list }}|{{ [0, 1] | reject | list }}
{{ [{'r': 'x'}, {'r': 'y'}, {'r': 'x'}] | groupby('r') | length }}|{{ [1, 2, 3] | batch(2) | list }}|{{ {'a': 1} | items | list }}|{{ 'a\\nb' | indent }}|{{ 'a\\n\\nb' | indent(2, true) }}|{{ 'a\\n\\nb' | indent(width=2, blank=true) }}|{{ 'x' | safe }}
{{ {'a': none, 'b': 1.0, 'c': 'é\\u2028\\n\\x7f'} | tojson }}|{{ [] | tojson }}|{{ {} | tojson(indent=2) }}|{{ [1, [2]] | tojson(indent=1) }}|{{ 'a/b' | tojson }}|{{ {1: 2, none: 3} | tojson }}|{{ 1e20 | tojson }}
{% for x in [1, 2, 3] %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.cycle('a', 'b') }}{{ loop.depth }} {% endfor %}
{% for x in [1, 1, 2] %}{{ loop.changed(x) }} {% endfor %}{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}{{ v }}{{ loop.last }}{% else %}none{% endfor %}{% for x in [] %}x{% else %}none{% endfor %}
{% for x in range(10) if x is even %}{% if x == 4 %}{% continue %}{% endif %}{% if x > 6 %}{% break %}{% endif %}{{ x }}{% endfor %}|{{ range(3) | list }}|{{ range(5, 0, -2) | list }}|{{ dict(a=1, b='x') }}
{% set x = 1 %}{% for i in [1] %}{% set x = 2 %}{% endfor %}{{ x }}|{% if true %}{% set x = 3 %}{% endif %}{{ x }}|{% set ns = namespace(a=1) %}{% for i in [1, 2] %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}|{% set a, b = 1, 2 %}{{ a }}{{ b }}
{% set block %}a {{ 1 }} b{% endset %}[{{ block }}]|{% set f | upper %}abc{% endset %}{{ f }}|{% filter upper %}abc{% endfilter %}|{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}|{{ a }}
{% macro m(a, b='x') %}({{ a }},{{ b }}){% endmacro %}{{ m(1) }}{{ m(1, 2) }}{{ m(b=3, a=4) }}|{% macro c() %}[{{ caller() }}]{% endmacro %}{% call c() %}in{% endcall %}|{% macro late() %}{{ later }}{% endmacro %}{% set later = 5 %}{{ late() }}
{%- for t in [{'c': [{'c': []}]}] recursive %}<{{ loop.depth0 }}{{ loop(t.c) }}>{% endfor %}|{% raw %}{{ raw }}{% endraw %}|{# comment #}|{{ '{{' }}|{{ "}}" }}
  {% if true %}
    a
  {% endif %}
  {{ 'b' }}
{%- if true -%}  c  {%- endif +%}
	{%+ if true %}d{% endif %}  
e {# c #} 
  {# alone #}
f
{{ 'a' and 'b' }}|{{ '' or 'c' }}|{{ none or false }}|{{ [] and 1 }}|{{ +1 }}|{{ - 1 }}|{{ -3 | abs }}|{{ 1 if 2 > 1 }}|{{ 'é'.upper() }}|{{ 'ß'.upper() }}|{{ 'İ'|lower|length }}
{{ [1, 2, 3][0] }}|{{ [1][5] }}|{{ 'abc'[1] }}|{{ {'a': 1}['b'] }}|{{ {'a': 1}.a }}|{{ [[1, 2], [3]] | sum(start=[]) }}|{{ [1, 2] | list | string }}|{{ 'a,b'.split(',')[1] }}|{{ "it's" | list | first }}|{{ ["it's", 'q"', 'b\\\\'] }}
{{ cycler('a', 'b').next() }}|{% set j = joiner(', ') %}{{ j() }}a{{ j() }}b|{{ 'a' is not string }}|{% for c in 'aé' %}[{{ c }}]{% endfor %}|{{ {'a': [1, 2]}.a | length }}|{{ 'x'.isidentifier() }}|{{ 'a\\tb'.expandtabs(4) }}
{{ none.foo }}|{{ 1.foo }}|{{ 'a'.foo }}|{{ {}.foo }}|{{ messages[0].nothing }}|{{ messages[0]['nothing'] is defined }}|{{ messages[-1].role }}|{{ messages | length }}|{{ messages | map(attribute='role') | join(',') }}
{{ undefined_thing + 'x' }}
{{ undefined_thing.a }}
{{ none + 'x' }}
{{ 'a' + 1 }}
{{ [1] + (2,) }}
{{ 'a'.nothing() }}
{{ [1].append(2) }}
{{ 'a' | nothing }}
{{ undefined_thing() }}
{{ undefined_thing | tojson }}
{{ raise_exception('no: ' ~ 1) }}
{{ 'x' is nothing }}
{% if true %}a
{{ 1 / 0 }}
{% nothing %}
{{ {'a': 1}.update({'b': 2}) }}
{{ 'abc'.index('z') }}
{{ undefined_thing[0] }}
{{ 'a'.split('') }}
{{ none['x'] }}
{% for x in none %}{% endfor %}
{% for x in undefined_thing %}{{ x }}{% else %}empty{% endfor %}|{{ undefined_thing | length }}|{{ undefined_thing | list }}|{{ undefined_thing | join }}|{{ undefined_thing | upper }}|{{ 'x' in undefined_thing }}|{{ undefined_thing == none }}|{{ undefined_thing ~ 'x' }}"""
