using System.CommandLine;
using LLaDA.Batch.Train.Terminal;
using LLaDA.Diffusion.Lora;
using LLaDA.Diffusion.PromptTuning;
using LLaDA.Diffusion.Text;
using LLaDA.Diffusion.Training;

namespace LLaDA.Batch.Train.Training;

/// <summary>The options of fine-tuning that train an adapter in place of all weights.</summary>
internal sealed class AdapterOptions
{
    private readonly Option<int?> _rank = new Option<int?>("--lora-rank")
    {
        Description = "Trains a LoRA adapter of this rank beside the frozen model, which stays in bfloat16 unless --float32. "
            + "Without it all weights are trained",
    }.AtLeast(1);

    private readonly Option<double?> _alpha = new("--lora-alpha")
    {
        Description = "Scales the adapter by alpha / rank. The default is twice the rank",
    };

    private readonly Option<string[]> _targets = new("--lora-target")
    {
        Description = "Path of a projection in the names of the model's family, such as model.transformer.blocks.*.q_proj, where * is any "
            + "layer or expert. The default is all but experts",
        AllowMultipleArgumentsPerToken = true,
    };

    private readonly Option<bool> _merges = new("--merge")
    {
        Description = "Writes the model with the adapter merged into it instead of the adapter alone",
    };

    private readonly Option<int?> _virtualTokens = new Option<int?>("--virtual-tokens")
    {
        Description = "Trains so many vectors before every row (prompt tuning) and leaves the model as it is",
    }.AtLeast(1);

    private readonly Option<string?> _initialText = new("--init-text")
    {
        Description = "Begins the vectors as the embeddings of this text. The default is tokens that the seed draws",
    };

    public void AddTo(Command command)
    {
        Option[] dependent = [_alpha, _targets, _merges];
        foreach (var option in dependent.Prepend(_rank).Append(_virtualTokens).Append(_initialText))
            command.Options.Add(option);
        command.Validators.Add(result =>
        {
            var given = Array.Find(dependent, option => result.GetResult(option) is { Implicit: false });
            if (given is not null && result.GetResult(_rank) is null)
                result.AddError($"{given.Name} needs --lora-rank");
            bool hasVectors = result.GetResult(_virtualTokens) is not null;
            if (!hasVectors && result.GetResult(_initialText) is { Implicit: false })
                result.AddError("--init-text needs --virtual-tokens");
            if (hasVectors && result.GetResult(_rank) is not null)
                result.AddError("--lora-rank and --virtual-tokens exclude each other: one adapter is trained");
        });
    }

    /// <param name="source">Folder of the model.</param>
    /// <returns>Null where all weights are trained.</returns>
    public IAdapterOptions? Read(ParseResult parse, string source, LLaDATokenizer tokenizer, long seed)
    {
        string baseModel = Path.GetFileName(Path.TrimEndingDirectorySeparator(source));
        if (parse.GetValue(_rank) is { } rank)
        {
            return new LoraOptions
            {
                Rank = rank,
                Alpha = parse.GetValue(_alpha) ?? 2.0 * rank,
                Targets = parse.GetValue(_targets) is { Length: > 0 } paths ? paths : null,
                Seed = seed,
                BaseModel = baseModel,
            };
        }
        return parse.GetValue(_virtualTokens) is not { } count ? null : new PromptTuningOptions
        {
            NumVirtualTokens = count,
            InitialTokens = parse.GetValue(_initialText) is { } text ? tokenizer.Encode(text) : null,
            InitialText = parse.GetValue(_initialText),
            Seed = seed,
            BaseModel = baseModel,
        };
    }

    /// <summary>Writes the result: the adapter, or the whole model.</summary>
    public void Save(ParseResult parse, TunedModel model, string output, ConsoleRun run)
    {
        if (model.Adapter is { } adapter && !parse.GetValue(_merges))
        {
            adapter.Save(output);
            run.Finish(
                $"The adapter is in {output}",
                adapter is LoraWeights
                    ? "the same command with --merge writes the whole model, which 'llada admin models add' takes"
                    : "Hugging Face PEFT reads it as an adapter of kind PROMPT_TUNING");
            return;
        }
        (model.Adapter as LoraWeights)?.Merge();
        ConsoleRun.Save(model.Network, model.Folder, output);
        run.Finish($"The model is in {output}", "answers counts exact matches, and 'llada admin models add' adds it to a service");
    }
}
