"""The threats to what the platform promises, each with its tests: `pytest -k t_swap_artifact` runs those."""

THREATS: dict[str, tuple[str, ...]] = {
    "t_alb_forged": ("web/test_hostile_tokens.py::test_no_twisted_token_of_a_load_balancer_comes_in",),
    "t_jwt_hostile": (
        "web/test_hostile_tokens.py::test_no_twisted_token_of_a_load_balancer_comes_in",
        "web/test_hostile_tokens.py::test_no_twisted_token_of_a_workflow_comes_in",
        "web/test_entrance.py::test_no_token_but_an_issued_one_comes_in",
    ),
    "t_gha_claims": ("web/test_hostile_tokens.py::test_no_twisted_token_of_a_workflow_comes_in",),
    "t_gha_pr": (
        "web/test_hostile_tokens.py::test_no_twisted_token_of_a_workflow_comes_in",
        "web/test_hostile_tokens.py::test_a_workflow_requests_for_who_started_it_and_approves_nothing",
    ),
    "t_replay": (
        "contracts/test_races.py::test_what_is_sent_eight_times_at_once_has_one_effect",
        "web/test_hostile_tokens.py::test_a_workflow_token_counts_once_also_when_it_comes_eight_times_at_once",
        "web/test_lists.py::test_keys_that_race_have_one_effect",
        "web/webhooks/test_github_webhooks.py::test_w09_a_delivery_that_comes_again_changes_nothing_however_many_come_at_once",
    ),
    "t_csrf_matrix": (
        "web/test_threats.py::test_no_route_is_changed_from_a_foreign_page",
        "web/test_entrance.py::test_a_foreign_page_cannot_log_somebody_in",
        "web/test_github_login.py::test_an_answer_that_nobody_asked_for_or_too_late_is_refused",
    ),
    "t_graphql_bypass": (
        "web/test_dagster_pages.py::test_no_attack_reaches_the_webserver",
        "web/test_dagster_pages.py::test_no_mutation_of_a_real_webserver_is_carried_out_through_our_door",
        "web/test_dagster_pages.py::test_nothing_that_is_sent_by_hand_reaches_the_webserver",
        "web/test_dagster_pages.py::test_nothing_that_is_sent_by_hand_changes_a_running_stack",
        "stories/test_gate.py::test_graphql_is_refused_as_well",
    ),
    "t_swap_artifact": (
        "lifecycle/test_guards.py::test_a_guard_that_is_taken_out_is_missed",
        "adapters/mlflow/test_registry.py::test_a_changed_file_is_named_and_never_loaded",
        "adapters/mlflow/test_registry.py::test_a_manifest_made_to_fit_the_change_does_not_fit_the_digest",
        "adapters/targets/test_local.py::test_a_changed_model_file_is_not_served",
        "serving/test_server.py::test_a_changed_or_missing_file_stops_the_start",
        "lifecycle/test_reconciliation.py::test_the_same_number_with_other_bytes_is_told",
    ),
    "t_race_promote": (
        "contracts/test_races.py::test_promotions_that_are_raced_are_carried_out_once",
        "contracts/test_races.py::test_what_was_not_approved_is_never_opened_whoever_races",
    ),
    "t_tamper_matrix": (
        "lifecycle/test_checkpoints.py::test_tampering_is_found_at_the_first_entry_that_was_changed",
        "lifecycle/test_checkpoints.py::test_a_thousand_random_changes_are_found_where_they_begin",
        "contracts/test_ledger.py::test_tampering_is_found_at_the_first_bad_entry",
    ),
    "t_tail_cut": ("lifecycle/test_checkpoints.py::test_tampering_is_found_at_the_first_entry_that_was_changed",),
    "t_segment_tamper": (
        "adapters/prediction_log/test_shipping.py::test_another_segment_of_the_same_name_is_never_overwritten",
    ),
    "t_approval_evidence": (
        "lifecycle/test_checkpoints.py::test_proofs_of_every_entry_verify_offline",
        "lifecycle/test_bindings.py::test_an_approval_says_what_the_gate_said",
        "web/test_entrance.py::test_approving_for_prod_takes_a_password_entered_a_moment_ago",
    ),
    "t_every_write_audited": (
        "contracts/test_ledger.py::test_tampering_is_found_at_the_first_bad_entry",
        "lifecycle/test_every_write.py::test_whoever_keeps_something_outside_of_the_log_records_it",
        "web/test_story.py::test_every_change_is_in_the_audit_log_with_its_receipt",
        "web/test_reach.py::test_every_change_answers_with_a_receipt",
    ),
    "t_canary_leak": (
        "web/test_threats.py::test_what_is_refused_is_repeated_nowhere",
        "cli/test_bad_usage.py::test_a_bad_setting_has_its_code_and_never_its_value",
        "pipeline/test_document.py::test_a_secret_is_not_repeated",
    ),
    "t_idor": (
        "web/test_threats.py::test_nothing_of_a_foreign_project_is_found_by_its_address",
        "web/test_reach.py::test_an_object_of_another_project_is_not_there_whatever_is_sent",
        "contracts/test_desk.py::test_of_a_foreign_project_not_even_the_names_are_seen",
    ),
    "t_ssrf": (
        "web/test_reach.py::test_addresses_in_a_message_lead_nowhere_but_to_sns",
        "web/webhooks/test_sns_webhooks.py::test_a_message_that_is_not_believed",
        "web/test_repositories.py::test_no_proposed_pipeline_reads_a_machine_s_own_secrets",
        "pipeline/test_places.py",
        "adapters/channels/test_channels.py::test_no_alert_is_posted_where_a_machine_is_told_its_credentials",
    ),
    "t_no_trace": ("web/test_bad_input.py", "web/test_fuzz.py::test_no_request_of_any_role_makes_the_server_fail"),
    "t_slow": (
        "web/test_reach.py::test_two_hundred_silent_connections_keep_nobody_waiting",
        "web/test_wire.py::test_half_open_requests_do_not_keep_others_waiting",
        "web/test_wire.py::test_a_body_that_comes_too_slowly_is_cut_off",
    ),
    "t_enospc": (
        "serving/test_prediction_log.py::test_a_full_disk_refuses_and_the_log_recovers_with_the_space",
        "serving/test_prediction_log.py::test_below_the_floor_nothing_is_accepted",
    ),
    "t_alert_storm": ("contracts/test_races.py::test_a_storm_of_failed_checks_is_one_open_alert_for_each",),
    "t_matrix": (
        "web/test_matrix.py::test_rest_permits_what_the_table_permits",
        "web/test_matrix.py::test_the_command_line_permits_what_the_table_permits",
        "stories/test_gate.py::test_materialising_a_deployment_without_a_promotion_fails_and_changes_nothing",
    ),
    "t_sod_links": (
        "lifecycle/test_bindings.py::test_two_names_of_one_person_count_once",
        "lifecycle/test_bindings.py::test_nobody_approves_an_own_request_under_another_name",
        "lifecycle/test_bindings.py::test_a_link_made_later_takes_back_what_was_counted",
        "lifecycle/test_overrides.py::test_one_admin_is_not_enough_under_whatever_names",
    ),
    "t_lock_hashes": (
        "test_lock.py::test_everything_that_is_installed_has_its_hashes_in_the_lock",
        "test_lock.py::test_what_has_another_hash_is_not_installed",
    ),
    "t_evil_models": (
        "adapters/admission/test_evil_models.py",
        "adapters/admission/test_smoke.py",
    ),
}
"""Name -> the tests, as files of this folder or functions in them."""
