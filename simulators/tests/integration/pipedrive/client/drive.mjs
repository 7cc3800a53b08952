// Pipedrive's own client, unchanged, against the simulator whose address is in SIMULATOR.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as v1 from 'pipedrive/v1';
import * as v2 from 'pipedrive/v2';

const origin = process.env.SIMULATOR;
const redirectUri = 'http://127.0.0.1:9/callback';
const byToken = (version) => [{ apiKey: 'pipedrive-api-token', basePath: `${origin}/api/${version}` }];
const config2 = new v2.Configuration(...byToken('v2'));
const config1 = new v1.Configuration(...byToken('v1'));
const control = (path, body) =>
  fetch(`${origin}/control/${path}`, { method: 'POST', body: JSON.stringify(body ?? {}) }).then((answer) => answer.json());
const refused = (call) => call.then(() => assert.fail('was not refused'), (error) => error);

/** What a person does on the consent page; the parameters that come back. */
async function decide(authorizationUrl, decision) {
  const page = await (await fetch(authorizationUrl)).text();
  assert.match(page, /id="allow"/);
  const form = new URLSearchParams({ ...Object.fromEntries(new URL(authorizationUrl).searchParams), decision });
  const answer = await fetch(`${origin}/oauth/authorize`, { method: 'POST', body: form, redirect: 'manual' });
  assert.equal(answer.status, 302);
  return new URL(answer.headers.get('location')).searchParams;
}

test('OAuth: consent, code, tokens, refresh, revocation', async () => {
  const oauth = new v1.OAuth2Configuration({
    clientId: 'hub-client', clientSecret: 'hub-secret', redirectUri, host: origin,
  });
  assert.equal((await decide(oauth.authorizationUrl, 'deny')).get('error'), 'user_denied');
  const code = (await decide(oauth.authorizationUrl, 'allow')).get('code');
  const token = await oauth.authorize(code);
  assert.equal(token.token_type, 'Bearer');
  assert.equal(token.expires_in, 3599);
  assert.equal(token.api_domain, origin);
  assert.match(token.scope, /deals:full,contacts:full/);
  assert.equal((await refused(oauth.authorize(code))).error, 'invalid_grant');

  const config = new v1.Configuration({ accessToken: oauth.getAccessToken, basePath: oauth.basePath });
  const users = new v1.UsersApi(config);
  assert.equal((await users.getCurrentUser()).data.company_id, 123);
  await control('tokens', { expire: 'all' });
  assert.equal((await refused(users.getCurrentUser())).errorCode, 401);
  const refreshed = await oauth.tokenRefresh();
  assert.notEqual(refreshed.access_token, token.access_token);
  assert.equal((await users.getCurrentUser()).success, true);
  await oauth.revokeToken('refresh_token');
  assert.equal((await refused(users.getCurrentUser())).errorCode, 401);
  assert.equal((await refused(oauth.tokenRefresh())).error, 'invalid_grant');
});

test('Persons: create, read, change, clear, list, delete', async () => {
  const persons = new v2.PersonsApi(config2);
  const field = await new v2.PersonFieldsApi(config2).addPersonField({
    AddPersonFieldRequest: { field_name: 'MPP id', field_type: 'varchar' },
  });
  const key = field.data.field_code;
  assert.match(key, /^[0-9a-f]{40}$/);
  const { data: created } = await persons.addPerson({
    AddPersonRequest: {
      name: 'Ann Núñez', emails: [{ value: 'ann@example.com', primary: true, label: 'work' }], custom_fields: { [key]: 'MPP-1' },
    },
  });
  assert.equal(created.custom_fields[key], 'MPP-1');
  assert.deepEqual([created.first_name, created.last_name], ['Ann', 'Núñez']);
  const { data: changed } = await persons.updatePerson({
    id: created.id, UpdatePersonRequest: { phones: [{ value: '512 555 0100' }], custom_fields: { [key]: null } },
  });
  assert.equal(changed.phones[0].value, '512 555 0100');
  assert.equal(changed.custom_fields[key], null);
  assert.equal(changed.emails[0].value, 'ann@example.com');
  assert.deepEqual((await persons.getPerson({ id: created.id })).data, changed);
  assert.deepEqual((await persons.deletePerson({ id: created.id })).data, { id: created.id });
  const found = await persons.getPersons({ ids: String(created.id) });
  assert.deepEqual(found.data, []);
});

test('Lists: cursor, filters, incremental', async () => {
  await control('seed', { object: 'person', count: 250 });
  const persons = new v2.PersonsApi(config2);
  const seen = new Set();
  let cursor, pages = 0;
  do {
    const page = await persons.getPersons({ limit: 100, cursor, sort_by: 'update_time', updated_since: '2020-01-01T00:00:00Z' });
    page.data.forEach((each) => seen.add(each.id));
    cursor = page.additional_data.next_cursor;
    pages += 1;
  } while (cursor);
  assert.equal(pages, 3);
  assert.equal(seen.size, 250);
  assert.equal((await persons.getPersons({ updated_since: '2099-01-01T00:00:00Z' })).data.length, 0);
  const mine = await persons.getPersons({ owner_id: 3, limit: 500 });
  assert.equal(mine.data.length, 50);
});

test('Search: by e-mail, by the exact value of a field', async () => {
  const persons = new v2.PersonsApi(config2);
  const someone = (await persons.getPersons({ limit: 1 })).data[0];
  const hit = await persons.searchPersons({ term: someone.emails[0].value.toUpperCase(), fields: 'email', exact_match: true });
  assert.deepEqual(hit.data.items.map((each) => each.item.id), [someone.id]);
  const search = new v2.ItemSearchApi(config2);
  const exact = await search.searchItemByField({ term: someone.name, entity_type: 'person', field: 'name', match: 'exact' });
  assert.ok(exact.data.some((each) => each.item.id === someone.id));
  const any = await search.searchItem({ term: someone.emails[0].value.slice(0, 9), item_types: 'person' });
  assert.ok(any.data.items.length >= 1);
});

test('Deals and leads: create, move, win, convert', async () => {
  const person = (await new v2.PersonsApi(config2).getPersons({ limit: 1 })).data[0];
  const deals = new v2.DealsApi(config2);
  const { data: deal } = await deals.addDeal({ AddDealRequest: { title: 'Plan', value: 99.5, person_id: person.id } });
  assert.equal(deal.status, 'open');
  const { data: won } = await deals.updateDeal({ id: deal.id, UpdateDealRequest: { stage_id: 3, status: 'won' } });
  assert.ok(won.won_time && won.stage_change_time);
  const stages = await new v2.StagesApi(config2).getStages();
  assert.equal(stages.data.find((each) => each.id === won.stage_id).pipeline_id, won.pipeline_id);

  const leads = new v1.LeadsApi(config1);
  const { data: lead } = await leads.addLead({ AddLeadRequest: { title: 'Maybe', person_id: person.id, value: { amount: 5, currency: 'USD' } } });
  assert.match(lead.id, /^[0-9a-f-]{36}$/);
  await leads.updateLead({ id: lead.id, UpdateLeadRequest: { title: 'Surely' } });
  assert.equal((await leads.getLead({ id: lead.id })).data.title, 'Surely');
  assert.equal((await leads.getLeads({ sort: 'update_time', limit: 10 })).data.at(-1).id, lead.id);
  const conversions = new v2.LeadsApi(config2);
  const { data: job } = await conversions.convertLeadToDeal({ id: lead.id });
  const ask = () => conversions.getLeadConversionStatus({ id: lead.id, conversion_id: job.conversion_id });
  assert.equal((await ask()).data.status, 'running');
  const { data: done } = await ask();
  assert.equal(done.status, 'completed');
  assert.equal((await deals.getDeal({ id: done.deal_id })).data.title, 'Surely');
  assert.equal((await refused(leads.getLead({ id: lead.id }))).error, 'requested lead not found');
});

test('Webhooks: subscribe, list, end', async () => {
  const webhooks = new v1.WebhooksApi(config1);
  const bad = await refused(webhooks.addWebhook({
    AddWebhookRequest: { subscription_url: 'nowhere', event_action: '*', event_object: 'person', name: 'x' },
  }));
  assert.deepEqual(bad.errors.subscription_url, ['invalid or non-reachable URL']);
  const { data: hook } = await webhooks.addWebhook({
    AddWebhookRequest: { subscription_url: 'https://hub.example.com/in', event_action: '*', event_object: 'person', name: 'hub', version: '2.0' },
  });
  assert.equal(hook.is_active, 1);
  assert.equal((await webhooks.getWebhooks()).data.length, 1);
  assert.equal((await webhooks.deleteWebhook({ id: hook.id })).success, true);
});

test('Refusals reach the client as Pipedrive words them', async () => {
  const persons = new v2.PersonsApi(config2);
  const missing = await refused(persons.getPerson({ id: 999999 }));
  assert.deepEqual([missing.success, missing.error], [false, 'Person not found']);
  const invalid = await refused(persons.addPerson({ AddPersonRequest: { name: 'x', owner_id: 'one' } }));
  assert.equal(invalid.code, 'ERR_SCHEMA_VALIDATION_FAILED');
  const stranger = new v2.PersonsApi(new v2.Configuration({ apiKey: 'wrong', basePath: `${origin}/api/v2` }));
  assert.equal((await refused(stranger.getPersons())).errorCode, 401);
  await control('limits', { burst: 2 });
  const answers = await Promise.all([1, 2, 3, 4].map(() => persons.getPersons({ limit: 1 }).catch((error) => error)));
  assert.ok(answers.some((each) => each.errorCode === 429 && each.error === 'request over limit'));
});
