CREATE TABLE `anchor` (
	`tenant` text NOT NULL,
	`suite` text NOT NULL,
	`public_key` blob NOT NULL,
	PRIMARY KEY(`tenant`, `suite`),
	FOREIGN KEY (`tenant`) REFERENCES `tenant`(`tenant`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `auc` (
	`tenant` text NOT NULL,
	`imsi` text NOT NULL,
	`centre` text NOT NULL,
	`algorithm` text NOT NULL,
	`wrapped_key` blob,
	`wrapped_operator` blob,
	`wrapped_ssd` blob,
	`uim_id` blob,
	`amf` blob NOT NULL,
	`ind_bits` integer NOT NULL,
	`key_version` integer NOT NULL,
	`ssd_updates` integer NOT NULL,
	`seq_floor` integer NOT NULL,
	PRIMARY KEY(`tenant`, `imsi`),
	FOREIGN KEY (`tenant`,`imsi`) REFERENCES `subscriber`(`tenant`,`imsi`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "auc_key" CHECK(("auc"."centre" = 'embedded') = ("auc"."wrapped_key" is not null))
);
--> statement-breakpoint
CREATE INDEX `auc_algorithm` ON `auc` (`tenant`,`algorithm`,`imsi`);--> statement-breakpoint
CREATE TABLE `audit_event` (
	`tenant` text NOT NULL,
	`writer` text NOT NULL,
	`number` integer NOT NULL,
	`at` integer NOT NULL,
	`type` text NOT NULL,
	`card_id` text NOT NULL,
	`session` text NOT NULL,
	`reason` text NOT NULL,
	`trail` text NOT NULL,
	`wrapped_facts` blob,
	PRIMARY KEY(`writer`, `number`)
);
--> statement-breakpoint
CREATE INDEX `audit_event_session` ON `audit_event` (`tenant`,`session`);--> statement-breakpoint
CREATE INDEX `audit_event_card` ON `audit_event` (`tenant`,`card_id`);--> statement-breakpoint
CREATE INDEX `audit_event_time` ON `audit_event` (`tenant`,`at`) WHERE "audit_event"."wrapped_facts" is not null;--> statement-breakpoint
CREATE TABLE `binding_rule` (
	`tenant` text NOT NULL,
	`id` text NOT NULL,
	`since` integer NOT NULL,
	`until` integer,
	`card_id` text,
	`card_group` text,
	`effect` text,
	`priority` integer,
	`condition` text NOT NULL,
	`claims` text,
	`wrapped_identities` blob,
	`on_mismatch` text NOT NULL,
	`minimum_strength` text,
	`valid_from` integer,
	`valid_until` integer,
	`lease` text,
	PRIMARY KEY(`tenant`, `id`, `since`),
	FOREIGN KEY (`tenant`) REFERENCES `tenant`(`tenant`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "binding_rule_target" CHECK("binding_rule"."card_id" is null or "binding_rule"."card_group" is null)
);
--> statement-breakpoint
CREATE INDEX `binding_rule_card` ON `binding_rule` (`tenant`,`card_id`,`id`);--> statement-breakpoint
CREATE TABLE `card_root` (
	`tenant` text NOT NULL,
	`fingerprint` text NOT NULL,
	`position` integer NOT NULL,
	`certificate` blob NOT NULL,
	PRIMARY KEY(`tenant`, `fingerprint`),
	FOREIGN KEY (`tenant`) REFERENCES `tenant`(`tenant`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `card` (
	`tenant` text NOT NULL,
	`card_id` text NOT NULL,
	`kind` text NOT NULL,
	`suite` text NOT NULL,
	`modes` text NOT NULL,
	`status` text NOT NULL,
	`pinned_key` blob NOT NULL,
	`wrapped_key` blob,
	`key_version` integer NOT NULL,
	`service_public_key` blob NOT NULL,
	`certificates` text NOT NULL,
	`fingerprints` text NOT NULL,
	`not_before` integer NOT NULL,
	`not_after` integer NOT NULL,
	`card_groups` text NOT NULL,
	`company` text,
	PRIMARY KEY(`tenant`, `card_id`),
	FOREIGN KEY (`tenant`) REFERENCES `tenant`(`tenant`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `card_pinned_key_unique` ON `card` (`pinned_key`);--> statement-breakpoint
CREATE TABLE `concealment_key` (
	`tenant` text NOT NULL,
	`id` integer NOT NULL,
	`public_key` blob NOT NULL,
	`wrapped_private_key` blob,
	PRIMARY KEY(`tenant`, `id`),
	FOREIGN KEY (`tenant`) REFERENCES `tenant`(`tenant`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `platform_key_floor` (
	`tenant` text NOT NULL,
	`suite` text NOT NULL,
	`floor` integer NOT NULL,
	PRIMARY KEY(`tenant`, `suite`),
	FOREIGN KEY (`tenant`) REFERENCES `tenant`(`tenant`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `platform_key` (
	`tenant` text NOT NULL,
	`suite` text NOT NULL,
	`generation` integer NOT NULL,
	`public_key` blob NOT NULL,
	`wrapped_private_key` blob NOT NULL,
	`credential` blob,
	PRIMARY KEY(`tenant`, `suite`, `generation`),
	FOREIGN KEY (`tenant`) REFERENCES `tenant`(`tenant`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `revoked_certificate` (
	`tenant` text NOT NULL,
	`fingerprint` text NOT NULL,
	PRIMARY KEY(`tenant`, `fingerprint`),
	FOREIGN KEY (`tenant`) REFERENCES `tenant`(`tenant`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `rule_set` (
	`tenant` text PRIMARY KEY NOT NULL,
	`active` integer NOT NULL,
	`floor` integer NOT NULL,
	`draft` integer NOT NULL,
	`revision` integer NOT NULL,
	FOREIGN KEY (`tenant`) REFERENCES `tenant`(`tenant`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `rule_version` (
	`tenant` text NOT NULL,
	`version` integer NOT NULL,
	`activated_at` integer NOT NULL,
	PRIMARY KEY(`tenant`, `version`),
	FOREIGN KEY (`tenant`) REFERENCES `tenant`(`tenant`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `subscriber` (
	`tenant` text NOT NULL,
	`imsi` text NOT NULL,
	`operator` text NOT NULL,
	`msisdn` text,
	`status` text NOT NULL,
	`profile` text,
	PRIMARY KEY(`tenant`, `imsi`),
	FOREIGN KEY (`tenant`) REFERENCES `tenant`(`tenant`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `subscriber_number` ON `subscriber` (`tenant`,`msisdn`);--> statement-breakpoint
CREATE TABLE `tenant` (
	`tenant` text PRIMARY KEY NOT NULL
);
--> statement-breakpoint
CREATE TABLE `wrapping_key` (
	`id` integer PRIMARY KEY NOT NULL,
	`check_value` blob NOT NULL
);
