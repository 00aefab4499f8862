using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Lora;
using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Families;

/// <summary>Adapters in the names of each family's reference.</summary>
public sealed class AdapterTests : IDisposable
{
    private const string Experts = "model.layers.*.mlp.experts.*.";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("LLaDA", "model.transformer.blocks.1.", "q_proj k_proj v_proj attn_out ff_proj up_proj ff_out")]
    [InlineData("Dream", "model.layers.1.",
        "self_attn.q_proj self_attn.k_proj self_attn.v_proj self_attn.o_proj mlp.gate_proj mlp.up_proj mlp.down_proj")]
    [InlineData("SDAR", "model.layers.1.",
        "self_attn.q_proj self_attn.k_proj self_attn.v_proj self_attn.o_proj mlp.gate_proj mlp.up_proj mlp.down_proj")]
    [InlineData("LLaDA-MoE", "model.layers.1.",
        "self_attn.q_proj self_attn.k_proj self_attn.v_proj self_attn.o_proj "
        + "shared_expert.gate_proj shared_expert.up_proj shared_expert.down_proj")]
    [InlineData("LLaDA2", "model.layers.1.",
        "attention.query_key_value attention.dense mlp.shared_experts.gate_proj mlp.shared_experts.up_proj mlp.shared_experts.down_proj")]
    public void All_projections_but_those_of_experts_are_changed(string family, string layer, string modules)
    {
        using var model = TinyModel.Random(FamilyModels.All[family]);
        using var lora = new LoraWeights(model, new LoraOptions { Rank = 2 });

        lora.Save(_folder.Path);

        using var file = new SafetensorsFile(_folder.File(AdapterFiles.WeightsFile));
        string prefix = "base_model.model." + layer;
        Assert.Equal(
            modules.Split(' ').Order(StringComparer.Ordinal),
            file.Tensors.Keys.Where(name => name.StartsWith(prefix, StringComparison.Ordinal))
                .Select(name => name[prefix.Length..name.IndexOf(".lora_", StringComparison.Ordinal)]).Distinct()
                .Order(StringComparer.Ordinal));
        Assert.Equal(
            AdapterConfig.Read(_folder.Path).Targets.Select(target => $"base_model.model.{target}.lora_A.weight").ToHashSet(),
            file.Tensors.Keys.Where(name => name.Contains("lora_A", StringComparison.Ordinal)).ToHashSet());
        Assert.Equal(
            new LoraOptions { Rank = 2 }.NumParameters(model.Config), lora.Parameters.Sum(entry => entry.Parameter.numel()));
    }

    [Theory]
    [InlineData("LLaDA-MoE", 6)]
    [InlineData("LLaDA2", 8)]
    public void Experts_that_are_asked_for_have_matrices_of_their_own(string family, int numExperts)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var options = new LoraOptions { Rank = 2, Targets = [Experts + "up_proj", Experts + "down_proj"] };
        using var model = TinyModel.Random(FamilyModels.All[family]);
        using var lora = new LoraWeights(model, options);
        var plain = Logits(model);
        foreach (var (_, parameter) in lora.Parameters)
            nn.init.uniform_(parameter, -0.5, 0.5);

        var changed = Logits(model);
        lora.Save(_folder.Path);

        using (var file = new SafetensorsFile(_folder.File(AdapterFiles.WeightsFile)))
        {
            Assert.Equal(2 * 2 * numExperts, file.Tensors.Count);
            string last = $"base_model.model.model.layers.1.mlp.experts.{numExperts - 1}.down_proj.lora_A.weight";
            Assert.Equal([2, model.Config.Experts!.Width], file.Tensors[last].Shape);
        }
        Assert.True((plain - changed).abs().max().item<float>() > 1e-3);
        Assert.Equal(options.NumParameters(model.Config), lora.Parameters.Sum(entry => entry.Parameter.numel()));
        lora.Merge();
        Assert.InRange((Logits(model) - changed).abs().max().item<float>(), 0, 1e-3);
        lora.Unmerge();

        using var other = TinyModel.Random(FamilyModels.All[family]);
        using (var adapter = new AdapterFiles(_folder.Path))
            adapter.MergeInto(other);
        Assert.InRange((Logits(other) - changed).abs().max().item<float>(), 0, 1e-3);
        using var third = TinyModel.Random(FamilyModels.All[family]);
        using var loaded = new LoraWeights(third, options);
        loaded.Load(_folder.Path);
        Assert.True(Logits(third).equal(changed).all().item<bool>());
    }

    [Fact]
    public void One_expert_alone_is_no_target()
    {
        using var model = TinyModel.Random(FamilyModels.All["LLaDA2"]);
        var options = new LoraOptions { Targets = ["model.layers.1.mlp.experts.3.up_proj"] };

        Assert.Contains(
            "is not the full path of a projection of this model, such as", Assert.Throws<ArgumentException>(
                () => new LoraWeights(model, options)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Adapter_of_another_family_is_refused()
    {
        using var sdar = TinyModel.Random(FamilyModels.All["SDAR"]);
        using (var lora = new LoraWeights(sdar, new LoraOptions { Rank = 2 }))
            lora.Save(_folder.Path);
        using var model = TinyModel.Random(FamilyModels.All["LLaDA2"]);
        using var files = new AdapterFiles(_folder.Path);

        Assert.Contains(
            "changes nothing that this model has", Assert.Throws<CheckpointException>(() => files.Match(model)).Message,
            StringComparison.Ordinal);
    }

    private static Tensor Logits(MaskPredictor model) => model.call(arange(0, 32, ScalarType.Int64).unsqueeze(0));
}
