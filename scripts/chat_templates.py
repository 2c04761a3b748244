"""Writes what transformers renders for small chat templates with the constructs of the most used model families.

    pip install transformers jinja2
    python scripts/chat_templates.py > crates/ecq-runtime/tests/data/chat_templates.json

`crates/ecq-runtime/tests/runtime/chat_templates.rs` reads the file and must render the same. The templates are written for this test:
each has the constructs that the template of its family has, and no more. Where transformers raises, `expected` is null.
"""

import json

from transformers.utils.chat_template_utils import render_jinja_template

U, A, S = "user", "assistant", "system"
CONVERSATIONS = {
    "one question": [(U, "What is 2 + 2?")],
    "system": [(S, "You are terse."), (U, "Hello!")],
    "several turns": [(U, "Hi"), (A, "Hello. What can I do?"), (U, "  Count to three.  "), (A, "1, 2, 3"), (U, "And back?")],
    "system and several turns": [(S, "Be kind.\nBe brief. "), (U, "a\n\nb"), (A, "c "), (U, "d\n")],
    "empty system": [(S, ""), (U, "Hello")],
    "unicode": [(S, "Sprich Deutsch – bitte."), (U, "Grüße, 世界! 👩‍🚀 «\u00a0ça\u00a0»\u2028"), (A, "Здравствуй\u0301"), (U, "مرحبا <b>&'\"</b>")],
    "thinking": [(U, "Why?"), (A, "<think>\nBecause of this.\n</think>\n\nThat is why."), (U, "Really?")],
    "marks of templates": [(U, "{{ 1 + 1 }} {% if x %}{# no #}"), (A, "</s> [INST] \\n \\"), (U, "<|im_end|> a % b %s {0}")],
    "empty messages": [(U, ""), (A, ""), (U, " ")],
    "answer last": [(U, "Say A"), (A, "A")],
    "wrong order": [(U, "one"), (U, "two")],
    "unknown role": [("tool", "42"), (U, "So?")],
}  # fmt: skip

TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}

TEMPLATES = {
    "llama 2": """{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}{% for message in loop_messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must take turns') }}{% endif %}{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}{% else %}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ ' '  + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}""",
    "llama 3": """{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}""",
    "llama 3.1": """{{- bos_token }}
{%- if custom_tools is defined %}
    {%- set tools = custom_tools %}
{%- endif %}
{%- if not tools_in_user_message is defined %}
    {%- set tools_in_user_message = true %}
{%- endif %}
{%- if not date_string is defined %}
    {%- set date_string = "26 Jul 2024" %}
{%- endif %}
{%- if not tools is defined %}
    {%- set tools = none %}
{%- endif %}

{#- The system message comes first. #}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}

{#- What every prompt begins with #}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if builtin_tools is defined or tools is not none %}
    {{- "Environment: ipython\\n" }}
{%- endif %}
{%- if builtin_tools is defined %}
    {{- "Tools: " + builtin_tools | reject('equalto', 'code_interpreter') | join(", ") + "\\n\\n"}}
{%- endif %}
{{- "Today Date: " + date_string + "\\n\\n" }}
{%- if tools is not none and not tools_in_user_message %}
    {%- for t in tools %}
        {{- t | tojson(indent=4) }}
        {{- "\\n\\n" }}
    {%- endfor %}
{%- endif %}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls|length == 1 %}
            {{- raise_exception("one call at a time") }}
        {%- endif %}
    {%- elif message.role == "tool" or message.role == "ipython" %}
        {{- "<|start_header_id|>ipython<|end_header_id|>\\n\\n" }}
        {%- if message.content is mapping or message.content is iterable %}
            {{- message.content | tojson }}
        {%- else %}
            {{- message.content }}
        {%- endif %}
        {{- "<|eot_id|>" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
""",
    "llama 3.2 date": """{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "26 Jul 2024" %}
    {%- endif %}
{%- endif %}
{{- "Date: " + (date_string|length)|string }}{% if strftime_now("%Y")|int > 2023 %} ok{% endif %}
{%- for m in messages if m.role != 'system' %} {{ loop.index }}/{{ loop.length }}:{{ m.content | trim }}{% endfor %}""",
    "mistral v1": """{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token}}{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}""",
    "mistral v3": """{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{%- if not tools is defined %}
    {%- set tools = none %}
{%- endif %}
{%- set user_messages = loop_messages | selectattr("role", "equalto", "user") | list %}

{%- set ns = namespace() %}
{%- set ns.index = 0 %}
{%- for message in loop_messages %}
    {%- if not (message.role == "tool" or message.role == "tool_results" or (message.tool_calls is defined and message.tool_calls is not none)) %}
        {%- if (message["role"] == "user") != (ns.index % 2 == 0) %}
            {{- raise_exception("After the optional system message, roles must alternate") }}
        {%- endif %}
        {%- set ns.index = ns.index + 1 %}
    {%- endif %}
{%- endfor %}

{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if tools is not none and (message == user_messages[-1]) %}
            {{- "[AVAILABLE_TOOLS] [" }}
        {%- endif %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST] " + system_message + "\\n\\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- elif message["role"] == "assistant" %}
        {{- " " + message["content"]|trim + eos_token}}
    {%- endif %}
{%- endfor %}
""",
    "mistral small 3": """{%- set today = strftime_now("%Y-%m-%d") %}
{%- set default_system_message = "You are a model. The date has " + today|length|string + " characters." %}
{{- bos_token }}
{%- if messages[0]['role'] == 'system' %}
    {%- if messages[0]['content'] is string %}
        {%- set system_message = messages[0]['content'] %}
    {%- else %}
        {%- set system_message = messages[0]['content'][0]['text'] %}
    {%- endif %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set system_message = default_system_message %}
    {%- set loop_messages = messages %}
{%- endif %}
{{- '[SYSTEM_PROMPT]' + system_message + '[/SYSTEM_PROMPT]' }}
{%- for message in loop_messages %}
    {%- if message['role'] == 'user' %}
        {%- if message['content'] is string %}
            {{- '[INST]' + message['content'] + '[/INST]' }}
        {%- else %}
            {{- '[INST]' }}
            {%- for block in message['content'] %}{{- block['text'] }}{%- endfor %}
            {{- '[/INST]' }}
        {%- endif %}
    {%- elif message['role'] == 'system' %}
        {{- '[SYSTEM_PROMPT]' + message['content'] + '[/SYSTEM_PROMPT]' }}
    {%- elif message['role'] == 'assistant' %}
        {{- message['content'] + eos_token }}
    {%- else %}
        {{- raise_exception('Only user, system and assistant roles are supported!') }}
    {%- endif %}
{%- endfor %}""",
    "mixtral": """{%- if messages[0]["role"] == "system" -%}{%- set system_message = messages[0]["content"] -%}{%- set loop_messages = messages[1:] -%}{%- else -%}{%- set loop_messages = messages -%}{%- endif -%}
{{- bos_token -}}
{%- for message in loop_messages -%}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
        {{- raise_exception('roles must alternate: ' + message['role'] ~ ' at ' ~ loop.index0) -}}
    {%- endif -%}
    {%- if message["role"] == "user" -%}
        {%- if loop.first and system_message is defined -%}
            {{- " [INST] " + system_message + "\\n\\n" + message["content"] + " [/INST]" -}}
        {%- else -%}
            {{- " [INST] " + message["content"] + " [/INST]" -}}
        {%- endif -%}
    {%- elif message["role"] == "assistant" -%}
        {{- " " + message["content"] + eos_token -}}
    {%- endif -%}
{%- endfor -%}
""",
    "qwen 2.5": """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- for tool in tools %}{{- "\\n" }}{{- tool | tojson }}{%- endfor %}
{%- else %}
    {%- if messages[0]['role'] == 'system' %}
        {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
    {%- else %}
        {{- '<|im_start|>system\\nYou are a model.<|im_end|>\\n' }}
    {%- endif %}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {{- '<|im_start|>' + message.role }}
        {%- for tool_call in message.tool_calls %}
            {%- if tool_call.function is defined %}{%- set tool_call = tool_call.function %}{%- endif %}
            {{- '\\n<tool_call>\\n{"name": "' }}{{- tool_call.name }}{{- '", "arguments": ' }}{{- tool_call.arguments | tojson }}{{- '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role != "tool") %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\\n<tool_response>\\n' }}{{- message.content }}{{- '\\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}
            {{- '<|im_end|>\\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
""",
    "qwen 3": """{%- if messages[0].role == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- endif %}
{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step_tool = false %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.content is string %}
        {%- set content = message.content %}
    {%- else %}
        {%- set content = '' %}
    {%- endif %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set reasoning_content = '' %}
        {%- if message.reasoning_content is string %}
            {%- set reasoning_content = message.reasoning_content %}
        {%- else %}
            {%- if '</think>' in content %}
                {%- set reasoning_content = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
                {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
            {%- endif %}
        {%- endif %}
        {%- if loop.index0 > ns.last_query_index %}
            {%- if loop.last or (not loop.last and reasoning_content) %}
                {{- '<|im_start|>' + message.role + '\\n<think>\\n' + reasoning_content.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}
            {%- else %}
                {{- '<|im_start|>' + message.role + '\\n' + content }}
            {%- endif %}
        {%- else %}
            {{- '<|im_start|>' + message.role + '\\n' + content }}
        {%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}""",
    "gemma 2": """{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}""",
    "gemma 3": """{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
    {%- if messages[0]['content'] is string -%}
        {%- set first_user_prefix = messages[0]['content'] + '\n\n' -%}
    {%- else -%}
        {%- set first_user_prefix = messages[0]['content'][0]['text'] + '\n\n' -%}
    {%- endif -%}
    {%- set loop_messages = messages[1:] -%}
{%- else -%}
    {%- set first_user_prefix = "" -%}
    {%- set loop_messages = messages -%}
{%- endif -%}
{%- for message in loop_messages -%}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
        {{ raise_exception("Conversation roles must alternate user/assistant/user/assistant/...") }}
    {%- endif -%}
    {%- if (message['role'] == 'assistant') -%}
        {%- set role = "model" -%}
    {%- else -%}
        {%- set role = message['role'] -%}
    {%- endif -%}
    {{ '<start_of_turn>' + role + '\n' + (first_user_prefix if loop.first else "") }}
    {%- if message['content'] is string -%}
        {{ message['content'] | trim }}
    {%- elif message['content'] is iterable -%}
        {%- for item in message['content'] -%}
            {%- if item['type'] == 'image' -%}{{ '<start_of_image>' }}{%- elif item['type'] == 'text' -%}{{ item['text'] | trim }}{%- endif -%}
        {%- endfor -%}
    {%- else -%}
        {{ raise_exception("Invalid content type") }}
    {%- endif -%}
    {{ '<end_of_turn>\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{'<start_of_turn>model\n'}}
{%- endif -%}
""",
    "phi 3": """{% for message in messages %}{% if message['role'] == 'system' and message['content'] %}{{'<|system|>\n' + message['content'] + '<|end|>\n'}}{% elif message['role'] == 'user' %}{{'<|user|>\n' + message['content'] + '<|end|>\n'}}{% elif message['role'] == 'assistant' %}{{'<|assistant|>\n' + message['content'] + '<|end|>\n'}}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}""",
    "phi 4": """{% for message in messages %}{% if (message['role'] == 'system') %}{{'<|im_start|>system<|im_sep|>' + message['content'] + '<|im_end|>'}}{% elif (message['role'] == 'user') %}{{'<|im_start|>user<|im_sep|>' + message['content'] + '<|im_end|>'}}{% elif (message['role'] == 'assistant') %}{{'<|im_start|>assistant<|im_sep|>' + message['content'] + '<|im_end|>'}}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant<|im_sep|>' }}{% endif %}""",
    "phi 4 mini": """{% for message in messages %}{% if message['role'] == 'system' and 'tools' in message and message['tools'] is not none %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|tool|>' + message['tools'] + '<|/tool|>' + '<|end|>' }}{% else %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% else %}{{ eos_token }}{% endif %}""",
    "smollm 2": """{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system
You are a model named SmolLM<|im_end|>
' }}{% endif %}{{'<|im_start|>' + message['role'] + '
' + message['content'] + '<|im_end|>' + '
'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant
' }}{% endif %}""",
    "smollm 3": """{# ───── defaults ───── #}
{%- if enable_thinking is not defined -%}
{%- set enable_thinking = true -%}
{%- endif -%}
{%- if enable_thinking -%}
  {%- set reasoning_mode = "/think" -%}
{%- else -%}
  {%- set reasoning_mode = "/no_think" -%}
{%- endif -%}
{# ───── header ───── #}
{{- "<|im_start|>system\n" -}}
{%- if messages[0].role == "system" -%}
  {%- set system_message = messages[0].content -%}
  {%- if "/no_think" in system_message -%}
    {%- set reasoning_mode = "/no_think" -%}
  {%- endif -%}
  {%- set custom_instructions = system_message.replace("/no_think", "").replace("/think", "").rstrip() -%}
{%- endif -%}
{{- "Reasoning Mode: " ~ reasoning_mode ~ "\n\n" -}}
{%- if custom_instructions -%}
  {{- custom_instructions + "\n\n" -}}
{%- endif -%}
{{- "<|im_end|>\n" -}}
{%- for message in messages -%}
    {%- set content = message.content if message.content is string else "" -%}
    {%- if message.role == "user" -%}
        {{ "<|im_start|>" + message.role + "\n"  + content + "<|im_end|>\n" }}
    {%- elif message.role == "assistant" -%}
        {% generation %}
        {%- if reasoning_mode == "/think" -%}
            {{ "<|im_start|>assistant\n" + content.lstrip("\n") + "<|im_end|>\n" }}
        {%- else -%}
            {{ "<|im_start|>assistant\n" + "<think>\n\n</think>\n" + content.lstrip("\n") + "<|im_end|>\n" }}
        {%- endif -%}
        {% endgeneration %}
    {%- elif message.role == "tool" -%}
    {{ "<|im_start|>" + "user\n"  + content + "<|im_end|>\n" }}
    {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {%- if reasoning_mode == "/think" -%}
        {{ "<|im_start|>assistant\n" }}
    {%- else -%}
        {{ "<|im_start|>assistant\n" + "<think>\n\n</think>\n"  }}
    {%- endif -%}
{%- endif -%}
""",
    "chatml": """{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}""",
    "deepseek v2": """{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}{{ 'User: ' + message['content'] + '\n\n' }}{% elif message['role'] == 'assistant' %}{{ 'Assistant: ' + message['content'] + eos_token }}{% elif message['role'] == 'system' %}{{ message['content'] + '\n\n' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}""",
    "deepseek r1": """{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}{% set ns = namespace(is_first=false, is_tool=false, is_output_first=true, system_prompt='', is_first_sp=true) %}{%- for message in messages %}{%- if message['role'] == 'system' %}{%- if ns.is_first_sp %}{% set ns.system_prompt = ns.system_prompt + message['content'] %}{% set ns.is_first_sp = false %}{%- else %}{% set ns.system_prompt = ns.system_prompt + '\\n\\n' + message['content'] %}{%- endif %}{%- endif %}{%- endfor %}{{ bos_token }}{{ ns.system_prompt }}{%- for message in messages %}{%- if message['role'] == 'user' %}{%- set ns.is_tool = false -%}{{'<｜User｜>' + message['content']}}{%- endif %}{%- if message['role'] == 'assistant' and 'tool_calls' in message %}{%- set ns.is_tool = false -%}{%- for tool in message['tool_calls'] %}{{ tool }}{%- endfor %}{%- endif %}{%- if message['role'] == 'assistant' and 'tool_calls' not in message %}{%- if ns.is_tool %}{{'<｜tool▁outputs▁end｜>' + message['content'] + '<｜end▁of▁sentence｜>'}}{%- set ns.is_tool = false -%}{%- else %}{% set content = message['content'] %}{% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}{{'<｜Assistant｜>' + content + '<｜end▁of▁sentence｜>'}}{%- endif %}{%- endif %}{%- if message['role'] == 'tool' %}{%- set ns.is_tool = true -%}{%- if ns.is_output_first %}{{'<｜tool▁outputs▁begin｜>' + message['content']}}{%- set ns.is_output_first = false %}{%- endif %}{%- endif %}{%- endfor -%}{% if ns.is_tool %}{{'<｜tool▁outputs▁end｜>'}}{% endif %}{% if add_generation_prompt and not ns.is_tool %}{{'<｜Assistant｜><think>\\n'}}{% endif %}""",
    "command r": """{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}{% elif false == true %}{% set loop_messages = messages %}{% set system_message = 'You are Command-R.' %}{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}{% if system_message != false %}{{ '<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>' + system_message + '<|END_OF_TURN_TOKEN|>' }}{% endif %}{% for message in loop_messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% set content = message['content'] %}{% if message['role'] == 'user' %}{{ '<|START_OF_TURN_TOKEN|><|USER_TOKEN|>' + content.strip() + '<|END_OF_TURN_TOKEN|>' }}{% elif message['role'] == 'assistant' %}{{ '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>'  + content.strip() + '<|END_OF_TURN_TOKEN|>' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>' }}{% endif %}""",
    "granite 3": """{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content'] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set system_message = "Knowledge Cutoff Date: April 2024.\nToday's Date: " + strftime_now('%B %d, %Y')[:0] + ".\nYou are Granite." %}
    {%- if tools and documents %}
        {%- set system_message = system_message + " Tools and documents." %}
    {%- elif tools %}
        {%- set system_message = system_message + " Tools." %}
    {%- elif documents %}
        {%- set system_message = system_message + " Documents." %}
    {%- endif %}
    {%- if controls and 'citations' in controls and documents %}
        {%- set system_message = system_message + '\n\nCite.' %}
    {%- endif %}
    {%- set loop_messages = messages %}
{%- endif %}
{{- '<|start_of_role|>system<|end_of_role|>' + system_message + '<|end_of_text|>\n' }}
{%- if tools %}
    {{- '<|start_of_role|>tools<|end_of_role|>' }}
    {{- tools | tojson(indent=4) }}
    {{- '<|end_of_text|>\n' }}
{%- endif %}
{%- for message in loop_messages %}
    {{- '<|start_of_role|>' + message['role'] + '<|end_of_role|>' + message['content'] + '<|end_of_text|>\n' }}
    {%- if loop.last and add_generation_prompt %}
        {{- '<|start_of_role|>assistant' }}
        {%- if controls %}
            {{- ' ' + controls | tojson() }}
        {%- endif %}
        {{- '<|end_of_role|>' }}
    {%- endif %}
{%- endfor %}""",
    "olmo 2": """{{ bos_token }}{% for message in messages %}{% if message['role'] == 'system' %}{{ '<|system|>\n' + message['content'] + '\n' }}{% elif message['role'] == 'user' %}{{ '<|user|>\n' + message['content'] + '\n' }}{% elif message['role'] == 'assistant' %}{% if not loop.last %}{{ '<|assistant|>\n'  + message['content'] + eos_token + '\n' }}{% else %}{{ '<|assistant|>\n'  + message['content'] + eos_token }}{% endif %}{% endif %}{% if loop.last and add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}{% endfor %}""",
    "zephyr": """{% for message in messages %}
{% if message['role'] == 'user' %}
{{ '<|user|>
' + message['content'] + eos_token }}
{% elif message['role'] == 'system' %}
{{ '<|system|>
' + message['content'] + eos_token }}
{% elif message['role'] == 'assistant' %}
{{ '<|assistant|>
'  + message['content'] + eos_token }}
{% endif %}
{% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
{% endif %}
{% endfor %}""",
    "vicuna": """{% set ns = namespace(seen=false) %}{% if messages[0]['role'] != 'system' %}{{ 'A chat between a curious user and a model. ' }}{% endif %}{% for message in messages %}{% if message['role'] == 'system' %}{{ message['content'].strip() ~ ' ' }}{% elif message['role'] == 'user' %}{% set ns.seen = true %}USER: {{ message['content']|trim }} {% elif message['role'] == 'assistant' %}ASSISTANT: {{ message['content'] }}{{ eos_token }}{% endif %}{% endfor %}{% if add_generation_prompt and ns.seen %}ASSISTANT:{% endif %}
""",
    "falcon 3": """{%- if tools %}{{- '<|system|>\\n' }}{%- for tool in tools %}{{- tool | tojson }}{%- endfor %}
{%- else %}
{%- for message in messages %}
{%- if message['role'] == 'system' %}{{- '<|system|>\\n' + message['content'] + '\\n' }}
{%- elif message['role'] == 'user' %}{{- '<|user|>\\n' + message['content'] + '\\n' }}
{%- elif message['role'] == 'assistant' %}
{%- if not loop.last %}{{- '<|assistant|>\\n' + message['content'] + eos_token + '\\n' }}
{%- else %}{{- '<|assistant|>\\n' + message['content'] + eos_token }}
{%- endif %}
{%- endif %}
{%- if loop.last and add_generation_prompt %}{{- '<|assistant|>\\n' }}{%- endif %}
{%- endfor %}
{%- endif %}""",
    "glm 4": """[gMASK]<sop>
{%- macro visible_text(content) -%}
    {%- if content is string -%}
        {{- content }}
    {%- elif content is iterable and content is not mapping -%}
        {%- for item in content -%}
            {%- if item is mapping and item.type == 'text' -%}{{- item.text }}{%- elif item is string -%}{{- item }}{%- endif -%}
        {%- endfor -%}
    {%- else -%}
        {{- content }}
    {%- endif -%}
{%- endmacro -%}
{%- set ns = namespace(last_user_index=-1) %}
{%- for m in messages %}
    {%- if m.role == 'user' %}
        {% set ns.last_user_index = loop.index0 -%}
    {%- endif %}
{%- endfor %}
{% for m in messages %}
{%- if m.role == 'user' -%}<|user|>
{{ visible_text(m.content) }}
{{- '/nothink' if (enable_thinking is defined and not enable_thinking and not visible_text(m.content).endswith("/nothink")) else '' -}}
{%- elif m.role == 'assistant' -%}
<|assistant|>
{%- set reasoning_content = '' %}
{%- set content = visible_text(m.content) %}
{%- if m.reasoning_content is string %}
    {%- set reasoning_content = m.reasoning_content %}
{%- elif '</think>' in content %}
    {%- set reasoning_content = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
    {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
{%- endif %}
{%- if loop.index0 > ns.last_user_index and reasoning_content -%}
{{ '\\n<think>' + reasoning_content.strip() +  '</think>'}}
{%- else -%}
{{ '\\n<think></think>' }}
{%- endif -%}
{%- if content.strip() -%}
{{ '\\n' + content.strip() }}
{%- endif -%}
{%- elif m.role == 'tool' -%}
{%- if loop.first or (messages[loop.index0 - 1].role != "tool") %}{{- '<|observation|>' }}{%- endif %}
{{- '\\n<tool_response>\\n' }}{{- m.content }}{{- '\\n</tool_response>' }}
{%- elif m.role == 'system' -%}
<|system|>
{{ visible_text(m.content) }}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
    <|assistant|>{{- '\\n<think></think>' if (enable_thinking is defined and not enable_thinking) else '' -}}
{%- endif -%}""",
    "gpt-oss": """{%- macro render_typescript_type(param_spec, required_params, is_nullable=false) -%}
    {%- if param_spec.type == "array" -%}
        {%- if param_spec['items'] -%}
            {%- if param_spec['items']['type'] == "string" -%}{{- "string[]" }}{%- else -%}{{- "any[]" }}{%- endif -%}
        {%- else -%}{{- "any[]" }}{%- endif -%}
        {%- if param_spec.nullable -%}{{- " | null" }}{%- endif -%}
    {%- elif param_spec.type is defined and param_spec.type is iterable and param_spec.type is not string and param_spec.type is not mapping and param_spec.type[0] is defined -%}
        {{- param_spec.type | join(" | ") }}
    {%- elif param_spec.oneOf -%}
        {%- for variant in param_spec.oneOf -%}{{- render_typescript_type(variant, required_params) -}}{%- if not loop.last %}{{- " | " }}{% endif -%}{%- endfor -%}
    {%- else -%}
        {{- param_spec.type or "any" }}
    {%- endif -%}
{%- endmacro -%}
{%- macro build_system_message() -%}
    {%- if model_identity is not defined %}
        {%- set model_identity = "You are a model." %}
    {%- endif %}
    {{- model_identity + "\\n" }}
    {{- "Current date: " + strftime_now("%Y-%m-%d")[:2] + "\\n\\n" }}
    {%- if reasoning_effort is not defined %}
        {%- set reasoning_effort = "medium" %}
    {%- endif %}
    {{- "Reasoning: " + reasoning_effort + "\\n\\n" }}
    {%- if builtin_tools %}
        {{- "# Tools\\n\\n" }}
    {%- endif -%}
    {{- "# Valid channels: analysis, commentary, final. Channel must be included for every message." }}
{%- endmacro -%}
{{- "<|start|>system<|message|>" }}
{{- build_system_message() }}
{{- "<|end|>" }}
{%- if messages[0].role == "developer" or messages[0].role == "system" %}
    {%- set developer_message = messages[0].content %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set developer_message = "" %}
    {%- set loop_messages = messages %}
{%- endif %}
{%- if developer_message or tools %}
    {{- "<|start|>developer<|message|>" }}
    {%- if developer_message %}{{- "# Instructions\\n\\n" }}{{- developer_message }}{{- "\\n\\n" }}{%- endif %}
    {{- "<|end|>" }}
{%- endif %}
{%- set types = [{'type': 'array', 'items': {'type': 'string'}}, {'type': ['string', 'null']}, {'oneOf': [{'type': 'number'}, {'type': 'x'}]}, {}] %}
{%- for t in types %}{{ render_typescript_type(t, []) }};{% endfor %}
{%- set last_tool_call = namespace(name=none) %}
{%- for message in loop_messages -%}
    {%- if message.role == 'assistant' -%}
        {%- if "content" in message %}
            {%- if "<|channel|>analysis<|message|>" in message.content or "<|channel|>final<|message|>" in message.content %}
                {{- raise_exception("tags in the wrong field") }}
            {%- endif %}
        {%- endif %}
        {%- if "tool_calls" in message %}
            {{- "call" }}
        {%- elif loop.last and not add_generation_prompt %}
            {{- "<|start|>assistant<|channel|>final<|message|>" + message.content + "<|return|>" }}
        {%- else %}
            {{- "<|start|>assistant<|channel|>final<|message|>" + message.content + "<|end|>" }}
            {%- set last_tool_call.name = none %}
        {%- endif %}
    {%- elif message.role == 'tool' -%}
        {%- if last_tool_call.name is none %}
            {{- raise_exception("Message has tool role, but there was no previous assistant message with a tool call!") }}
        {%- endif %}
    {%- elif message.role == 'user' -%}
        {{- "<|start|>user<|message|>" + message.content + "<|end|>" }}
    {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
<|start|>assistant
{%- endif -%}""",
    "yi": """{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}{% if messages[0]['role'] == 'system' %}{% set system_message = messages[0]['content'] %}{% endif %}{% if system_message is defined %}{{ '<|im_start|>system\n' + system_message + '<|im_end|>\n' }}{% endif %}{% for message in messages %}{% set content = message['content'] %}{% if message['role'] == 'user' %}{{ '<|im_start|>user\n' + content + '<|im_end|>\n<|im_start|>assistant\n' }}{% elif message['role'] == 'assistant' %}{{ content + '<|im_end|>' + '\n' }}{% endif %}{% endfor %}""",
    "internlm": """{{ bos_token }}{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}{# the end #}

""",
    "exaone": """{% for message in messages %}{% if loop.first and message['role'] != 'system' %}{{ '[|system|][|endofturn|]\n' }}{% endif %}{{ '[|' + message['role'] + '|]' + message['content'] }}{% if not message['role'] == 'user' %}{{ '[|endofturn|]' }}{% endif %}{% if not loop.last %}{{ '\n' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '\n[|assistant|]' }}{% endif %}""",
    "nemotron": """{%- set ns = namespace(seen=0, roles=[]) -%}
{%- for m in messages -%}
    {%- if m['role'] not in ['user', 'assistant', 'system'] -%}{%- continue -%}{%- endif -%}
    {%- if ns.seen > 3 -%}{%- break -%}{%- endif -%}
    {%- set ns.seen = ns.seen + 1 -%}
    {%- set ns.roles = ns.roles + [m['role']] -%}
    <extra_id_{{ loop.index0 % 2 }}>{{ m['role'] | capitalize }}
{{ m['content'] | replace('\n', ' / ') }}
{% endfor -%}
{{ ns.roles | unique | sort | join(',') }}|{{ ns.roles }}|{{ ns.roles | map('upper') | list }}
{%- if add_generation_prompt %}

<extra_id_1>Assistant
{% endif %}""",
    "hermes tools": """{%- macro json_to_python_type(json_spec) %}
{%- set basic_type_map = {
    "string": "str",
    "number": "float",
    "integer": "int"
} %}
{%- if basic_type_map[json_spec.type] is defined %}
    {{- basic_type_map[json_spec.type] }}
{%- elif json_spec.type == "array" %}
    {{- "list[" +  json_to_python_type(json_spec|items|list|last|last) + "]"}}
{%- elif json_spec.type is iterable %}
    {{- "Union[" }}
    {%- for t in json_spec.type %}
        {{- json_to_python_type({"type": t}) }}
        {%- if not loop.last %}{{- "," }}{%- endif %}
    {%- endfor %}
    {{- "]" }}
{%- else %}
    {{- "Any" }}
{%- endif %}
{%- endmacro %}
{%- set spec = {'a': {'type': 'string'}, 'b': {'type': 'array', 'items': {'type': 'integer'}}, 'c': {'type': ['string', 'number']}} %}
{%- for name, s in spec.items() %}
{{ name }}: {{ json_to_python_type(s) }}{{ "" if loop.last else "," }}
{%- endfor %}
{{- bos_token }}
{%- for message in messages -%}
{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' }}
{%- endfor %}
{{ {'name': 'f', 'arguments': {'ü': [1, 2.5, true, none], "q": "a\\"b<>&'"}} | tojson }}
{{ {'b': 1, 'a': [1, {'c': []}]} | tojson(indent=2, sort_keys=true) }}
{{ ['é', '😀'] | tojson(ensure_ascii=true, separators=(',', ':')) }}""",
}  # fmt: skip

# One construct each, where Jinja2 and other engines differ.
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


def renders(template, conversation, generation):
    messages = [{"role": role, "content": content} for role, content in conversation]
    try:
        text, _ = render_jinja_template(
            [messages], chat_template=template, add_generation_prompt=generation, **TOKENS
        )
        return text[0]
    except Exception:  # noqa: BLE001
        return None


def main():
    names = list(CONVERSATIONS)
    out = {
        "conversations": [[{"role": r, "content": c} for r, c in CONVERSATIONS[name]] for name in names],
        "tokens": TOKENS,
    }
    out["templates"] = []
    for name, template in TEMPLATES.items():
        expected = [renders(template, CONVERSATIONS[c], True) for c in names]
        out["templates"].append({"name": name, "template": template, "expected": expected})
    lines, block = [], ""
    # An expression that spans lines begins with white space or a tag that trims.
    for line in EXPRESSIONS.split("\n"):
        lines.append(line)
    groups, i = [], 0
    while i < len(lines):
        j = i + 1
        if lines[i] == "  {% if true %}":
            while lines[j] != "f":
                j += 1
            j += 1
        groups.append("\n".join(lines[i:j]))
        i = j
    out["expressions"] = []
    for group in groups:
        pieces = [group] if "{%" in group or "{#" in group else [group, *group.split("|{{")]
        parts = [group] + (
            [p if p.startswith("{{") else "{{" + p for p in pieces[1:]] if len(pieces) > 2 else []
        )
        for part in parts:
            out["expressions"].append([part, renders(part, CONVERSATIONS["several turns"], True)])
    print("{")
    print(f' "conversations": {json.dumps(out["conversations"], ensure_ascii=False)},')
    print(f' "tokens": {json.dumps(TOKENS)},')
    print(' "templates": [')
    print(",\n".join("  " + json.dumps(t, ensure_ascii=False) for t in out["templates"]))
    print(' ],\n "expressions": [')
    print(",\n".join("  " + json.dumps(e, ensure_ascii=False) for e in out["expressions"]))
    print(" ]\n}")


main()
