namespace LLaDA.Diffusion.Model;

/// <summary>How the tensors of a checkpoint are called.</summary>
public enum TensorNaming
{
    /// <summary>GSAI-ML/LLaDA's own: <c>model.transformer.blocks.0.q_proj.weight</c>. Copies in llama's names are read too.</summary>
    LLaDA,

    /// <summary>Those of llama, Qwen2 and Qwen3: <c>model.layers.0.self_attn.q_proj.weight</c>.</summary>
    Llama,

    /// <summary>LLaDA2's: <c>model.layers.0.attention.query_key_value.weight</c>.</summary>
    LLaDA2,
}

/// <summary>
/// What the checkpoints of one architecture have in common. There is one network; a family sets its switches, and config.json the rest
/// (<see cref="LLaDAConfig"/>).
/// </summary>
/// <param name="Name">As people call it.</param>
/// <param name="Architecture">The class that <c>architectures</c> of config.json names, and that decides.</param>
/// <param name="ModelType"><c>model_type</c> of config.json as it is written; it decides nothing.</param>
public sealed record ModelFamily(string Name, string Architecture, string ModelType, TensorNaming Naming)
{
    /// <summary>Tokens of a block where config.json does not say; null for attention to the whole canvas.</summary>
    public int? BlockLength { get; init; }

    /// <summary>Whether the logits at a position predict the token after it, as in the autoregressive models that it began as.</summary>
    public bool ShiftsLogits { get; init; }

    /// <summary>Whether queries, keys and values are one projection.</summary>
    public bool FusesQueryKeyValue { get; init; }

    /// <summary>How experts are scored; null for a network without experts.</summary>
    public RouterKind? Router { get; init; }

    /// <summary>Whether the embedding of the padding token gets no gradient from looking it up, as PyTorch's padding_idx has it.</summary>
    public bool FreezesPaddingEmbedding { get; init; }

    /// <summary>Whether a block sees itself and the blocks before it alone, so that the keys and values of finished blocks stay.</summary>
    public bool IsBlockCausal => BlockLength is not null;

    public override string ToString() => Name;
}
