namespace LLaDA.Diffusion.Checkpoints;

/// <summary>
/// Fields of config.json that change no number that the network computes: how it began, how it is run elsewhere, and notes.
/// </summary>
internal static class NeutralFields
{
    private static readonly HashSet<string> s_names =
    [
        // Training and its start.
        "attention_dropout", "embedding_dropout", "residual_dropout", "hidden_dropout", "init_cutoff_factor", "init_device", "init_fn",
        "init_std", "initializer_range", "train_max_sequence_length", "precision", "torch_dtype", "dtype",

        // Of parts that are off: their switches are checked.
        "alibi_bias_max", "attention_layer_norm_with_affine",

        // How the reference runs.
        "block_group_size", "flash_attention", "use_cache", "use_flash_attention", "attn_implementation", "low_cpu_mem_usage",
        "output_attentions", "output_hidden_states", "return_dict", "torchscript", "chunk_size_feed_forward", "use_bfloat16",

        // Beside the network: special tokens that are not ends, labels, generation's defaults, and where the files come from.
        "bos_token_id", "sep_token_id", "unk_token_id", "cls_token_id", "id2label", "label2id", "num_labels", "problem_type",
        "finetuning_task", "task_specific_params", "tokenizer_class", "prefix", "auto_map", "transformers_version", "unsloth_version",
        "unsloth_fixed", "model_name", "is_decoder", "is_encoder_decoder", "add_cross_attention", "tie_encoder_decoder",
        "do_sample", "temperature", "top_k", "top_p", "typical_p", "num_beams", "num_beam_groups", "num_return_sequences", "max_length",
        "min_length", "max_new_tokens", "length_penalty", "repetition_penalty", "diversity_penalty", "no_repeat_ngram_size",
        "encoder_no_repeat_ngram_size", "early_stopping", "bad_words_ids", "begin_suppress_tokens", "suppress_tokens",
        "exponential_decay_length_penalty",
        "forced_bos_token_id", "forced_eos_token_id", "decoder_start_token_id", "remove_invalid_values", "output_scores",
        "return_dict_in_generate", "_name_or_path",
    ];

    /// <summary>Names with an underscore in front are the writer's own notes.</summary>
    public static bool Contains(string name) => name.StartsWith('_') || s_names.Contains(name);
}
