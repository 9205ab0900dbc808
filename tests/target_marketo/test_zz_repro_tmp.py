from tests.target_marketo.conftest import *
from tests.target_marketo.in_process import InProcess
def test_it(marketo, tmp_path, monkeypatch):
    t = InProcess(marketo, tmp_path, monkeypatch.setattr)
    s = {"visitors": {"fields": {"email": "email", "firstName": "first_name", "chatNote": "note"}}}
    head = schema(properties=["email", "first_name", "note"])
    marketo.reset(custom_fields=[{"name": "chatNote", "data_type": "string"}])
    t.run([head, state(0)], streams=s)
    marketo.set_options(custom_fields=[])
    e = t.run([head, *(record(f"p{n}@example.com", first_name="A") for n in range(60)), state(1)], streams=s)
    print(e, len(t.logged()), next(iter(t.logged().values())), marketo.counts().calls, len(marketo.leads()))
    assert 0
