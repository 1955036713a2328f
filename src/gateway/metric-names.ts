/**
 * Every metric of Makas. Labels are bounded by the configuration and by fixed lists, never by what clients send; their
 * order here is the order of the arguments of `Metrics.counter` and its like. Base units as Prometheus wants them.
 */
export interface MetricEntry {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds of a histogram, ascending. */
  readonly buckets?: readonly number[];
  /** The gauge shows only what was set during the scrape itself: what a reload took away is gone from it at once. */
  readonly isScraped?: true;
  /**
   * How the values that several workers have for a gauge become one; their sum when it is absent. `main`: only the main
   * thread's counts, because it knows what all share.
   */
  readonly across?: 'max' | 'min' | 'main';
}

const DURATIONS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const OWN_TIMES = [0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1];
const STORE_TIMES = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25];
const AGES = [1, 10, 60, 300, 900, 3600, 14_400, 86_400, 604_800];
const DIFFERENCES = [
  -5, -1, -0.5, -0.25, -0.1, -0.05, -0.025, -0.01, -0.005, -0.001, 0, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
  1, 5,
];

export const metrics = {
  makas_requests_started_total: counter([], 'Requests that began; started = completed + aborted + in flight.'),
  makas_requests_total: counter(
    ['route', 'backend', 'code'],
    'Completed requests: answered whole, by a model or with an error of Makas itself.',
  ),
  makas_requests_aborted_total: counter(
    ['reason'],
    'Requests without a whole answer: the client went away (client-closed), the answer broke off (broken), their worker ended (worker-ended).',
  ),
  makas_requests_inflight: gauge([], 'Requests under way.'),
  makas_request_duration_seconds: histogram(
    ['route', 'backend'],
    DURATIONS,
    'Completed requests, from the head of the request to the end of the answer.',
  ),
  makas_overhead_seconds: histogram(
    ['route'],
    OWN_TIMES,
    "Time of completed requests that was neither the model's nor the feature store's.",
  ),
  makas_time_to_first_token_seconds: histogram(
    ['route', 'backend'],
    DURATIONS,
    'Streamed answers: from the head of the request to the end of the first event, which of language models is a token.',
  ),
  makas_time_per_output_token_seconds: histogram(
    ['route', 'backend'],
    STORE_TIMES,
    'Streamed answers: mean time from one event to the next.',
  ),
  makas_errors_total: counter(['code'], 'Requests that ended with an error of Makas, by code of the error registry.'),

  makas_upstream_attempts_total: counter(
    ['backend', 'result'],
    'Attempts to get an answer, by result: ok, 5xx, or the error code in lower case.',
  ),
  makas_upstream_duration_seconds: histogram(['backend'], DURATIONS, 'Duration of one attempt.'),
  makas_upstream_retries_total: counter(['backend'], 'Attempts after the first of a request.'),
  makas_endpoint_inflight: gauge(['backend', 'endpoint'], 'Requests under way at an endpoint.', true),
  makas_endpoint_up: {
    ...gauge(
      ['backend', 'endpoint'],
      'Whether an endpoint is chosen now (1) or passed over after a failed connection, by one worker at least (0).',
      true,
    ),
    across: 'min',
  },

  makas_shadow_total: counter(
    ['route', 'backend', 'result'],
    'Copies for a shadow, by result: ok, error, timeout, dropped.',
  ),
  makas_shadow_dropped_total: counter(
    ['route', 'backend', 'reason'],
    'Copies that were not sent, by reason: queue_full, body_too_large, streamed (of a gRPC stream nothing is held), deadline (waited in the queue for longer than its timeout), cancelled (the primary failed or the client left), no_endpoint, draining, protocol (it has no form in that of the shadow).',
  ),
  makas_shadow_compared_total: counter(
    ['route', 'backend', 'result'],
    "Answers of a shadow compared with the primary's: agree, mismatch, incomparable.",
  ),
  makas_shadow_mismatch_total: counter(['route', 'backend'], "Answers of a shadow that differ from the primary's."),
  makas_shadow_latency_difference_seconds: histogram(
    ['route', 'backend'],
    DIFFERENCES,
    'Duration at the shadow minus duration at the primary.',
  ),
  makas_shadow_inflight: gauge(['backend'], 'Copies under way at a shadow.'),
  makas_shadow_queue: gauge(['backend'], 'Copies that wait for a shadow.'),

  makas_features_total: counter(
    ['view', 'status'],
    'Feature values by status: present, null, not_found, stale, defaulted, overridden, error.',
  ),
  makas_feature_age_seconds: histogram(['view'], AGES, 'Age of the oldest value used in a request.'),
  makas_feature_read_seconds: histogram(['view'], STORE_TIMES, 'Duration of one read of the online store.'),
  makas_feature_errors_total: counter(
    ['view', 'reason'],
    'Reads of the online store that failed: timeout, store; and values that cannot be read as their type: value.',
  ),
  makas_feature_cache_total: counter(
    ['view', 'result'],
    'Lookups of entities in the local cache: hit, miss, shared (with a read under way).',
  ),
  makas_feature_cache_entries: gauge(['view'], 'Entities in the local cache, those included that must be read again.'),
  makas_feature_cache_invalidations_total: counter(
    ['view'],
    'Cached entities that were given up because the store told of a change.',
  ),
  makas_feature_cache_flushes_total: counter(
    ['view', 'reason'],
    'Times that all cached entities were given up: the store was emptied (flush), or its changes went unsaid for a while (gap).',
  ),
  makas_feature_cache_tracked: {
    ...gauge(
      ['view'],
      'Whether the store tells of changes now (1), or cached entities live by their time to live (0).',
    ),
    across: 'min',
  },
  makas_feature_file_reads_total: counter(['result'], 'Reads of files of embedded feature views: ok, failed.'),

  makas_bandit_share: { ...gauge(['bandit', 'arm'], 'Share of the traffic that the arm gets now.'), across: 'main' },
  makas_bandit_mean: { ...gauge(['bandit', 'arm'], 'Posterior mean of the reward.'), across: 'main' },
  makas_bandit_rewards: { ...gauge(['bandit', 'arm'], 'Rewards counted for the arm.'), across: 'main' },
  makas_bandit_refresh_total: counter(['bandit', 'result'], 'Reads of the posterior from the state: ok, failed.'),
  makas_rewards_total: counter(['bandit', 'result'], 'Rewards that clients sent, by result.'),
  makas_rewards_flushed_total: counter(
    ['bandit', 'result'],
    'Rewards that had waited in memory, by what the state said in the end.',
  ),
  makas_rewards_buffered: gauge([], 'Rewards in memory that wait for the state to come back.'),

  makas_config_reloads_total: counter(['result'], 'Attempts to load a configuration: ok, failed.'),
  makas_config_last_reload_success: gauge([], 'Whether the last attempt to load a configuration went well.'),
  makas_config_last_reload_timestamp_seconds: gauge([], 'When the live configuration was loaded.'),
  makas_config_info: gauge(['hash'], 'Always 1; the label is the hash of the live configuration.', true),
  makas_degraded: {
    ...gauge(['reason'], 'Whether Makas works without something that it should have (1).'),
    across: 'max',
  },

  makas_workers: gauge([], 'Workers that serve now.'),
  makas_worker_restarts_total: counter(
    [],
    'Workers that were started again because they had ended or could not serve.',
  ),

  makas_decisions_logged_total: counter([], 'Lines of the decision log.'),
  makas_decisions_log_dropped_total: counter(
    ['reason'],
    'Lines of the decision log that were left out: too many errors in a second (rate), output too slow (buffer).',
  ),
  makas_trace_spans_total: counter(
    ['result'],
    'Spans of traces: exported, failed (the collector did not take them), dropped (queue full).',
  ),
  makas_metrics_overflow_total: counter([], 'Label sets counted under `other` because there are too many.'),

  makas_build_info: gauge(['version'], 'Always 1; the label is the version of Makas.'),
  makas_process_resident_memory_bytes: gauge([], 'Memory that the process holds.'),
  makas_process_heap_used_bytes: gauge([], 'Memory that JavaScript objects use, in all threads that serve.'),
  makas_process_cpu_seconds_total: counter([], 'CPU time of the process, user and system.'),
  makas_process_start_time_seconds: gauge([], 'When the process started.'),
  makas_process_event_loop_delay_p99_seconds: {
    ...gauge([], 'How late timers fire, 99th percentile since the last scrape; of the worker that has most.'),
    across: 'max',
  },
  makas_process_event_loop_utilization: {
    ...gauge([], 'Share of the time since the last scrape in which the event loop was busy; of the busiest worker.'),
    across: 'max',
  },
} as const satisfies Record<string, MetricEntry>;

function counter(labels: readonly string[], help: string): MetricEntry {
  return { kind: 'counter', help, labels };
}

function gauge(labels: readonly string[], help: string, isScraped?: true): MetricEntry {
  return isScraped === undefined ? { kind: 'gauge', help, labels } : { kind: 'gauge', help, labels, isScraped };
}

function histogram(labels: readonly string[], buckets: readonly number[], help: string): MetricEntry {
  return { kind: 'histogram', help, labels, buckets };
}
