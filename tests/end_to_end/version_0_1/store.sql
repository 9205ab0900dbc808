BEGIN TRANSACTION;
CREATE TABLE cache (
	name TEXT NOT NULL, 
	stored_at DOUBLE NOT NULL, 
	document TEXT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "cache" VALUES('describe:@INSTANCE@',1.79586950886072158808e+09,'[{"name":"company","data_type":"string","length":255,"read_only":false,"searchable":false},{"name":"site","data_type":"string","length":255,"read_only":false,"searchable":false},{"name":"billingStreet","data_type":"text","length":null,"read_only":false,"searchable":false},{"name":"billingCity","data_type":"string","length":255,"read_only":false,"searchable":false},{"name":"billingState","data_type":"string","length":255,"read_only":false,"searchable":false},{"name":"billingCountry","data_type":"string","length":255,"read_only":false,"searchable":false},{"name":"billingPostalCode","data_type":"string","length":255,"read_only":false,"searchable":false},{"name":"website","data_type":"url","length":255,"read_only":false,"searchable":false},{"name":"mainPhone","data_type":"string","length":255,"read_only":false,"searchable":false},{"name":"annualRevenue","data_type":"currency","length":null,"read_only":false,"searchable":false},{"name":"numberOfEmployees","data_type":"integer","length":null,"read_only":false,"searchable":false},{"name":"industry","data_type":"string","length":255,"read_only":false,"searchable":false},{"name":"sicCode","data_type":"string","length":40,"read_only":false,"searchable":false},{"name":"mktoCompanyNotes","data_type":"text","length":null,"read_only":false,"searchable":false},{"name":"externalCompanyId","data_type":"string","length":50,"read_only":false,"searchable":false},{"name":"id","data_type":"integer","length":null,"read_only":false,"searchable":true},{"name":"mktoName","data_type":"string","length":255,"read_only":true,"searchable":false},{"name":"personType","data_type":"string","length":50,"read_only":false,"searchable":false},{"name":"mktoIsPartner","data_type":"boolean","length":null,"read_only":false,"searchable":false},{"name":"isLead","data_type":"boolean","length":null,"read_only":false,"searchable":false},{"name":"mktoIsCustomer","data_type":"boolean","length":null,"read_only":false,"searchable":false},{"name":"isAnonymous","data_type":"boolean","length":null,"read_only":false,"searchable":false},{"name":"salutation","data_type":"string","length":255,"read_only":false,"searchable":false},{"name":"firstName","data_type":"string","length":255,"read_only":false,"searchable":false},{"name":"middleName","data_type":"string","length":255,"read_only":false,"searchable":false},{"name":"lastName","data_type":"string","length":255,"read_only":false,"searchable":false},{"name":"email","data_type":"email","length":255,"read_only":false,"searchable":true},{"name":"phone","data_type":"phone","length":255,"read_only":false,"searchable":false},{"name":"mobilePhone","data_type":"phone","length":255,"read_only":false,"searchable":false},{"name":"fax","data_type":"phone","length":255,"read_only":false,"searchable":false},{"name":"title","data_type":"string","length":255,"read_only":false,"searchable":false},{"name":"contactCompany","data_type":"reference","length":null,"read_only":true,"searchable":false},{"name":"dateOfBirth","data_type":"date","length":null,"read_only":false,"searchable":false},{"name":"address","data_type":"text","length":null,"read_only":false,"searchable":false},{"name":"city","data_type":"string","length":255,"read_only":false,"searchable":false},{"name":"state","data_type":"string","length":255,"read_only":false,"searchable":false},{"name":"country","data_type":"string","length":255,"read_only":false,"searchable":false},{"name":"postalCode","data_type":"string","length":255,"read_only":false,"searchable":false},{"name":"personTimeZone","data_type":"string","length":255,"read_only":true,"searchable":false},{"name":"originalSourceType","data_type":"string","length":255,"read_only":true,"searchable":false},{"name":"originalSourceInfo","data_type":"string","length":2000,"read_only":true,"searchable":false},{"name":"registrationSourceType","data_type":"string","length":255,"read_only":false,"searchable":false},{"name":"registrationSourceInfo","data_type":"string","length":2000,"read_only":false,"searchable":false},{"name":"originalSearchEngine","data_type":"string","length":255,"read_only":true,"searchable":false},{"name":"originalSearchPhrase","data_type":"string","length":255,"read_only":true,"searchable":false},{"name":"originalReferrer","data_type":"url","length":255,"read_only":true,"searchable":false},{"name":"emailInvalid","data_type":"boolean","length":null,"read_only":false,"searchable":false},{"name":"emailInvalidCause","data_type":"string","length":255,"read_only":false,"searchable":false},{"name":"unsubscribed","data_type":"boolean","length":null,"read_only":false,"searchable":false},{"name":"unsubscribedReason","data_type":"string","length":2000,"read_only":false,"searchable":false},{"name":"doNotCall","data_type":"boolean","length":null,"read_only":false,"searchable":false},{"name":"mktoDoNotCallCause","data_type":"string","length":255,"read_only":false,"searchable":false},{"name":"doNotCallReason","data_type":"string","length":2000,"read_only":false,"searchable":false},{"name":"marketingSuspended","data_type":"boolean","length":null,"read_only":false,"searchable":false},{"name":"marketingSuspendedCause","data_type":"string","length":255,"read_only":false,"searchable":false},{"name":"blackListed","data_type":"boolean","length":null,"read_only":false,"searchable":false},{"name":"blackListedCause","data_type":"string","length":255,"read_only":false,"searchable":false},{"name":"mktoPersonNotes","data_type":"text","length":null,"read_only":false,"searchable":false},{"name":"anonymousIP","data_type":"string","length":255,"read_only":false,"searchable":false},{"name":"inferredCompany","data_type":"string","length":255,"read_only":true,"searchable":false},{"name":"inferredCountry","data_type":"string","length":255,"read_only":true,"searchable":false},{"name":"inferredCity","data_type":"string","length":255,"read_only":true,"searchable":false},{"name":"inferredStateRegion","data_type":"string","length":255,"read_only":true,"searchable":false},{"name":"inferredPostalCode","data_type":"string","length":255,"read_only":true,"searchable":false},{"name":"inferredMetropolitanArea","data_type":"string","length":255,"read_only":true,"searchable":false},{"name":"inferredPhoneAreaCode","data_type":"string","length":255,"read_only":true,"searchable":false},{"name":"emailSuspended","data_type":"boolean","length":null,"read_only":false,"searchable":false},{"name":"emailSuspendedCause","data_type":"string","length":255,"read_only":false,"searchable":false},{"name":"emailSuspendedAt","data_type":"datetime","length":null,"read_only":false,"searchable":false},{"name":"department","data_type":"string","length":255,"read_only":false,"searchable":false},{"name":"createdAt","data_type":"datetime","length":null,"read_only":true,"searchable":false},{"name":"updatedAt","data_type":"datetime","length":null,"read_only":true,"searchable":false},{"name":"cookies","data_type":"string","length":255,"read_only":false,"searchable":true},{"name":"externalSalesPersonId","data_type":"string","length":50,"read_only":false,"searchable":false},{"name":"leadPerson","data_type":"reference","length":null,"read_only":true,"searchable":false},{"name":"leadRole","data_type":"string","length":50,"read_only":false,"searchable":false},{"name":"leadSource","data_type":"string","length":255,"read_only":false,"searchable":false},{"name":"leadStatus","data_type":"string","length":255,"read_only":false,"searchable":false},{"name":"leadScore","data_type":"integer","length":null,"read_only":false,"searchable":false},{"name":"urgency","data_type":"float","length":null,"read_only":false,"searchable":false},{"name":"priority","data_type":"integer","length":null,"read_only":false,"searchable":false},{"name":"relativeScore","data_type":"integer","length":null,"read_only":false,"searchable":false},{"name":"relativeUrgency","data_type":"integer","length":null,"read_only":false,"searchable":false},{"name":"rating","data_type":"string","length":255,"read_only":false,"searchable":false},{"name":"personPrimaryLeadInterest","data_type":"reference","length":null,"read_only":true,"searchable":false},{"name":"leadPartitionId","data_type":"reference","length":null,"read_only":false,"searchable":true},{"name":"leadRevenueCycleModelId","data_type":"reference","length":null,"read_only":false,"searchable":false},{"name":"leadRevenueStageId","data_type":"reference","length":null,"read_only":false,"searchable":false},{"name":"acquisitionProgramId","data_type":"reference","length":null,"read_only":false,"searchable":false},{"name":"mktoAcquisitionDate","data_type":"datetime","length":null,"read_only":false,"searchable":false},{"name":"ecids","data_type":"string","length":255,"read_only":true,"searchable":false},{"name":"liveChatLastChatAt","data_type":"datetime","length":null,"read_only":false,"searchable":false},{"name":"liveChatFirstChatAt","data_type":"datetime","length":null,"read_only":false,"searchable":false},{"name":"liveChatChatsCount","data_type":"integer","length":null,"read_only":false,"searchable":true},{"name":"liveChatVisitorId","data_type":"string","length":255,"read_only":false,"searchable":true},{"name":"liveChatTags","data_type":"text","length":null,"read_only":false,"searchable":false},{"name":"liveChatOptIn","data_type":"boolean","length":null,"read_only":false,"searchable":false},{"name":"liveChatRevenue","data_type":"currency","length":null,"read_only":false,"searchable":false},{"name":"liveChatScore","data_type":"integer","length":null,"read_only":false,"searchable":true},{"name":"liveChatExternalKey","data_type":"string","length":255,"read_only":false,"searchable":true},{"name":"liveChatFirstChatDate","data_type":"date","length":null,"read_only":false,"searchable":false},{"name":"liveChatSecondEmail","data_type":"email","length":255,"read_only":false,"searchable":true},{"name":"liveChatCallbackPhone","data_type":"phone","length":255,"read_only":false,"searchable":false},{"name":"liveChatLastPageUrl","data_type":"url","length":255,"read_only":false,"searchable":false},{"name":"liveChatSatisfaction","data_type":"percent","length":null,"read_only":false,"searchable":false},{"name":"liveChatSentiment","data_type":"float","length":null,"read_only":false,"searchable":false},{"name":"liveChatOwnerRef","data_type":"reference","length":null,"read_only":true,"searchable":false},{"name":"liveChatGreeting","data_type":"formula","length":null,"read_only":true,"searchable":false}]');
CREATE TABLE errors (
	id INTEGER NOT NULL, 
	at TEXT NOT NULL, 
	last_at TEXT, 
	run TEXT NOT NULL, 
	stream TEXT NOT NULL, 
	class TEXT NOT NULL, 
	code TEXT NOT NULL, 
	field TEXT NOT NULL, 
	advice TEXT NOT NULL, 
	key_hash TEXT NOT NULL, 
	key_masked TEXT NOT NULL, 
	request_id TEXT NOT NULL, 
	position INTEGER, 
	record TEXT NOT NULL, 
	record_hash TEXT, 
	fingerprint TEXT, 
	mapping TEXT, 
	times_seen INTEGER DEFAULT '1' NOT NULL, 
	times_reported INTEGER DEFAULT '0' NOT NULL, 
	resolved_at TEXT, 
	resolution_reported INTEGER DEFAULT '0' NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "errors" VALUES(1,'2026-11-28T12:38:28+00:00','2026-11-28T12:38:28+00:00','5f5e3246fb544b58b3955ea61442103a','visitors','permanent','invalid_email','email','not an e-mail address that Marketo accepts','d6afd2def6be675a42b59eebe4da08af','a***@e***.com','',NULL,'{"visitor_id":"84b9b15a-7f8a-4cd8-a082-bf0fc63d9e4c","email":"a b@example.com","email_source":"prechat","name":"Aleksandra van der Berg","first_name":"Aleksandra","last_name":"van der Berg","name_is_default":false,"phone":null,"city":"Kyiv","region":"Kyiv City","country":"Ukraine","country_code":"UA","postal_code":null,"timezone":"Europe/Kyiv","latitude":50.4500336,"longitude":30.5241361,"ip":"198.51.100.57","user_agent":"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15","referrer":"https://news.example.net/","last_page_url":"https://www.example.com/pricing?plan=team&utm_source=newsletter","last_page_title":"Pricing » Team","created_at":"2026-09-05T00:01:15.949973Z","last_activity_at":"2026-09-05T00:04:45.306002Z","last_chat_id":"FHDVV8TTT6","last_thread_id":"ULCNXK1Q4D","chats_count":1,"threads_count":1,"visits_count":1,"page_views_count":1,"tags":[],"group_ids":[19],"agents":["marta@example.net"],"session_fields":{},"form_answers":{"Your name":"Aleksandra van der Berg","Your email":"a b@example.com","Company industry":"education, it, retail","Additional info":"Hello, is anybody there?"}}','1e11f72d7e6d97d1f4af1e0b2bffdd4a','2afbead863e00462841d284c1866e6b7','74234e98afe7498f',1,0,NULL,0);
INSERT INTO "errors" VALUES(2,'2026-11-28T12:38:28+00:00','2026-11-28T12:38:28+00:00','5f5e3246fb544b58b3955ea61442103a','visitors','permanent','invalid_email','email','not an e-mail address that Marketo accepts','30af3aa38518cdddb2dc58f03264b69a','a***@e***.org','',NULL,'{"visitor_id":"a0cc15ae-8a09-4ce3-bff4-8318d3521819","email":"anna@example.com, jan@example.org","email_source":"profile","name":"Jürgen Smith-Jones","first_name":"Jürgen","last_name":"Smith-Jones","name_is_default":false,"phone":null,"city":"Kyiv","region":"Kyiv City","country":"Ukraine","country_code":"UA","postal_code":null,"timezone":"Europe/Kyiv","latitude":50.4500336,"longitude":30.5241361,"ip":"198.51.100.247","user_agent":"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15","referrer":"https://partner.example.com/reviews?id=42","last_page_url":"https://www.example.com/","last_page_title":"Home","created_at":"2026-09-09T02:32:45.745068Z","last_activity_at":"2026-09-09T02:53:34.200744Z","last_chat_id":"AQO27J60FT","last_thread_id":"AEC17H1Z76","chats_count":1,"threads_count":1,"visits_count":1,"page_views_count":3,"tags":[],"group_ids":[2],"agents":["ewa.wisniewska@example.org"],"session_fields":{},"form_answers":{}}','c2f739686346129af31864aa628c5740','a7f1455b51dcd9e773667f85cf9e89a7','74234e98afe7498f',1,0,NULL,0);
INSERT INTO "errors" VALUES(3,'2026-11-28T12:38:30+00:00','2026-11-28T12:38:30+00:00','d6904f61afa4418f91242b39718103e4','visitors','permanent','invalid_email','email','not an e-mail address that Marketo accepts','0973db1354d106c0cef3d6dd529fbc1d','a***@@***.com','',NULL,'{"email":"ann@@example.com","first_name":"Ann"}','3a9769e1e6d71d3aec298f1cb7f2c572','4542241be27700ed07bec027956612c5','74234e98afe7498f',1,0,NULL,0);
CREATE TABLE governor_instances (
	instance TEXT NOT NULL, 
	clock_epoch TEXT NOT NULL, 
	clock_offset DOUBLE NOT NULL, 
	clock_now DOUBLE NOT NULL, 
	document TEXT, 
	revision BIGINT DEFAULT '0' NOT NULL, 
	PRIMARY KEY (instance)
);
INSERT INTO "governor_instances" VALUES('writer of @INSTANCE@','b2127c93-31f5-4fd9-8985-213d409f54fb',0.0,3531.593072918,'{"process":"host:31672:3b7ea648","host":"host","pid":31672,"since":"2026-11-28 12:38 UTC","until":3531.593072918}',3531593072);
INSERT INTO "governor_instances" VALUES('@INSTANCE@','b2127c93-31f5-4fd9-8985-213d409f54fb',0.0,3531.588852013,'{"rate":{"calls":null,"cut_at":-1e18,"clean_since":0.0,"good":0},"slots":{"calls":null,"cut_at":-1e18,"clean_since":0.0,"good":0},"pause":{"until":-1e18,"repeats":0},"breaker":{"failures":0,"opened_at":null,"attempt":0,"probe_at":0.0,"probe":null,"probe_until":0.0},"day":{"date":"2026-11-28","ours":9,"noted_total":7,"noted_ours":7,"rate_limited":0,"concurrency_limited":0,"tried_at":null,"probe":null,"probe_until":0.0},"next_call_at":3532.3007312150007,"waiting":{}}',3531588852);
CREATE TABLE governor_leases (
	id TEXT NOT NULL, 
	instance TEXT NOT NULL, 
	process TEXT NOT NULL, 
	host TEXT NOT NULL, 
	pid INTEGER NOT NULL, 
	granted DOUBLE NOT NULL, 
	busy_until DOUBLE NOT NULL, 
	window_until DOUBLE NOT NULL, 
	revision BIGINT DEFAULT '0' NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "governor_leases" VALUES('6456c175ae593238','@INSTANCE@','host:31645:2c627d5c','host',31645,3529.500731215,3529.506071961,3.54951607196100030715e+03,3529506071);
INSERT INTO "governor_leases" VALUES('35cdeab434d6ec7e','@INSTANCE@','host:31645:2c627d5c','host',31645,3529.518006912,3529.522153707,3.54953215370700036145e+03,3529522153);
INSERT INTO "governor_leases" VALUES('30102291b8d1c391','@INSTANCE@','host:31645:2c627d5c','host',31645,3529.522446764,3529.528737717,3549.538737717,3529528737);
INSERT INTO "governor_leases" VALUES('494afd7cb9eb9b38','@INSTANCE@','host:31645:2c627d5c','host',31645,3529.55630971,3529.568692729,3549.578692729,3529568692);
INSERT INTO "governor_leases" VALUES('d4e8671d8e40783f','@INSTANCE@','host:31645:2c627d5c','host',31645,3529.576759791,3529.592860655,3.54960286065500031323e+03,3529592860);
INSERT INTO "governor_leases" VALUES('2f774e00b83a93a5','@INSTANCE@','host:31645:2c627d5c','host',31645,3529.584890047,3529.588165312,3549.598165312,3529588165);
INSERT INTO "governor_leases" VALUES('c9b97b4f01626266','@INSTANCE@','host:31672:2ac891df','host',31672,3531.517777225,3531.524509546,3551.534509546,3531524509);
INSERT INTO "governor_leases" VALUES('9e90bdab352f54d5','@INSTANCE@','host:31672:2ac891df','host',31672,3531.54378144,3531.574460958,3.55158446095800036344e+03,3531574460);
INSERT INTO "governor_leases" VALUES('c855bffe30195458','@INSTANCE@','host:31672:2ac891df','host',31672,3531.575475862,3531.588852013,3.55159885201300039628e+03,3531588852);
CREATE TABLE secrets (
	name TEXT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "secrets" VALUES('hash_key','89d7b4661503c4ea5373aaf107e450ccaf0e01207c36f1b5f6889ff65f4fcbfe');
CREATE TABLE target_runs (
	run TEXT NOT NULL, 
	instance TEXT NOT NULL, 
	started_at TEXT NOT NULL, 
	alive_at TEXT NOT NULL, 
	ended_at TEXT, 
	exit_code INTEGER, 
	received INTEGER DEFAULT '0' NOT NULL, 
	delivered INTEGER DEFAULT '0' NOT NULL, 
	unchanged INTEGER DEFAULT '0' NOT NULL, 
	skipped INTEGER DEFAULT '0' NOT NULL, 
	rejected INTEGER DEFAULT '0' NOT NULL, 
	created INTEGER DEFAULT '0' NOT NULL, 
	updated INTEGER DEFAULT '0' NOT NULL, 
	calls TEXT DEFAULT '{}' NOT NULL, 
	throttled TEXT DEFAULT '{}' NOT NULL, 
	error_code TEXT DEFAULT '' NOT NULL, 
	error TEXT DEFAULT '' NOT NULL, 
	reported INTEGER DEFAULT '0' NOT NULL, 
	PRIMARY KEY (run)
);
INSERT INTO "target_runs" VALUES('5f5e3246fb544b58b3955ea61442103a','@INSTANCE@','2026-11-28T12:38:28+00:00','2026-11-28T12:38:28+00:00','2026-11-28T12:38:28+00:00',0,28,15,4,7,2,10,5,'{"usage":1,"describe":2,"lookup":1,"createOnly":1,"updateOnly":1}','{}','','',0);
INSERT INTO "target_runs" VALUES('d6904f61afa4418f91242b39718103e4','@INSTANCE@','2026-11-28T12:38:30+00:00','2026-11-28T12:38:30+00:00','2026-11-28T12:38:30+00:00',0,2,1,0,0,1,1,0,'{"usage":1,"lookup":1,"createOnly":1}','{}','','',0);
CREATE INDEX errors_by_key ON errors (stream, key_hash);
CREATE UNIQUE INDEX errors_by_fingerprint ON errors (fingerprint);
CREATE INDEX governor_leases_by_revision ON governor_leases (instance, revision);
COMMIT;
