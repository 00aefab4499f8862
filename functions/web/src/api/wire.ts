import type { Trace } from "../fill/trace";

/** The objects of the service, as far as the page shows them. `/openapi/v1.json` describes all of them. Times are Unix seconds. */
export interface Page<T> {
  data: T[];
  last_id: string | null;
  has_more: boolean;
}

export interface Batch {
  id: string;
  endpoint: string;
  model: string | null;
  errors: { data: { code: string; message: string; line: number | null }[] } | null;
  input_file_id: string | null;
  input_blobs?: Folder | null;
  output_blobs?: Folder | null;
  status: string;
  output_file_id: string | null;
  error_file_id: string | null;
  created_at: number;
  in_progress_at: number | null;
  expires_at: number;
  finalizing_at: number | null;
  completed_at: number | null;
  failed_at: number | null;
  expired_at: number | null;
  cancelled_at: number | null;
  request_counts: { total: number; completed: number; failed: number };
  usage: { input_tokens: number; output_tokens: number; total_tokens: number };
  metadata: Record<string, string> | null;
  priority: Priority;
  webhook?: { url: string; delivery: Delivery | null };
  parent_batch_id?: string | null;
  estimated_completion_at?: number | null;
  error_counts?: Record<string, number>;
  progress?: Progress | null;
}

export type Priority = "low" | "normal" | "high";

export interface Folder {
  container?: string;
  prefix?: string;
  url?: string;
}

export interface Progress {
  lines_per_minute: number | null;
  tokens_done: number;
  tokens_estimated: number;
  queue_position: number | null;
  workers_seen: number;
}

export interface LineResult {
  line: number;
  custom_id: string;
  status: "pending" | "completed" | "failed";
  input: Record<string, unknown> | null;
  response: { status_code: number; body: unknown } | null;
  error: { code: string; message: string } | null;
}

export interface StoredFile {
  id: string;
  bytes: number;
  created_at: number;
  expires_at: number | null;
  filename: string;
  purpose: string;
}

export interface Model {
  id: string;
  created: number;
  owned_by: string;
  context_length: number;
}

export interface FineTuningJob {
  id: string;
  model: string;
  status: string;
  created_at: number;
  finished_at: number | null;
  fine_tuned_model: string | null;
  training_file: string | null;
  result_files: string[];
  hyperparameters: Record<string, unknown>;
  method: { type: string };
  trained_tokens: number | null;
  error: { code: string; message: string } | null;
  estimated_finish: number | null;
}

export interface FineTuningEvent {
  id: string;
  created_at: number;
  level: string;
  message: string;
  type: string;
  /** Step, losses, rates and what the method measures besides. */
  data: Record<string, number | null | undefined> | null;
}

export interface Checkpoint {
  id: string;
  created_at: number;
  fine_tuned_model_checkpoint: string;
  step_number: number;
  metrics: { train_loss: number; valid_loss: number | null; full_valid_loss: number | null; margin?: number; accuracy?: number };
}

export interface Schedule {
  id: string;
  status: string;
  cron: string;
  time_zone: string;
  next_run_at: number | null;
  job: { model: string };
  start_from: string;
  training_data: { container: string; prefix: string; select: string };
  last_job: string | null;
}

export interface ScheduleRun {
  id: string;
  due_at: number;
  status: string;
  reason: string | null;
  message: string | null;
  fine_tuning_job: string | null;
  model: string | null;
  blobs: number | null;
}

export interface WebhookEndpoint {
  id: string;
  url: string;
  events: string[];
  created_at: number;
  secret?: string;
}

export interface Delivery {
  id: string;
  type: string;
  data: { id: string };
  status: "pending" | "delivered" | "gave_up";
  attempts: number;
  attempted_at: number | null;
  status_code: number | null;
  message: string | null;
  next_attempt_at: number | null;
}

export interface Span {
  index: number;
  text: string;
  tokens: number;
  confidence: number;
  /** Of a gap with choices. */
  choices?: { text: string; probability: number }[];
  trace?: Trace;
}

export interface InfillAnswer {
  text: string;
  spans: Span[];
  usage: { total_tokens: number };
}
