using System.CommandLine;
using LLaDA.Batch.Cli.Terminal;
using LLaDA.Batch.Shared.Keys;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Removal;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Cli.Models;

/// <summary>Models that batches and fine-tuning jobs can name.</summary>
internal static class ModelsCommand
{
    public static Command Create()
    {
        var target = new StorageTarget();
        var group = new Command("models", "Models that jobs can name: add, list, remove, prune")
        {
            Add(target), List(target), Remove(target), Prune(target),
        };
        target.AddTo(group);
        return group;
    }

    private static Option<string?> Tenant() => new("--tenant") { Description = "Tenant of the model. Without it all tenants may name it" };

    private static string Owner(string? tenant) => tenant ?? ModelRecord.EveryTenant;

    private static Command Add(StorageTarget target)
    {
        var source = new Argument<string>("source")
        {
            Description = "A folder in Hugging Face layout (config.json, tokenizer.json, safetensors), on this machine or as a URL in "
                + "Blob storage, with or without a shared access signature",
        };
        var name = new Option<string?>("--name") { Description = "Name in jobs. The default is the name of the folder" };
        var tenant = Tenant();
        var profile = new Option<string>("--profile")
        {
            Description = "Hardware profile of the workers that run it",
            DefaultValueFactory = _ => StorageNames.DefaultProfile,
        };
        var weights = new Option<string?>("--weights")
        {
            Description = "How a card keeps the weights: auto, in the type of its products unless the profile has a default, or int8, "
                + "in about half the memory. Without it as the model of that name had them, or auto",
        };
        weights.AcceptOnlyFromAmong("auto", "int8");
        var force = new Option<bool>("--force") { Description = "Replaces the weights even where adapters were trained on them" };
        var command = new Command(
            "add",
            "Checks a model, uploads it and registers it. A changed model replaces the one of that name; an unchanged one is not uploaded")
        {
            source, name, tenant, profile, weights, force,
        };
        command.SetAction(async (parse, cancellation) =>
        {
            var (storage, report) = (target.Connect(parse), target.Report(parse));
            string given = parse.GetRequiredValue(source);
            var url = Uri.TryCreate(given, UriKind.Absolute, out var parsed) && parsed.Scheme is "https" or "http" ? parsed : null;
            string path = url is null
                ? Path.TrimEndingDirectorySeparator(Path.GetFullPath(given))
                : Uri.UnescapeDataString(url.AbsolutePath.TrimEnd('/'));
            if (parse.GetValue(tenant) is { } owner)
                ApiKeys.RequireTenant(owner);
            var asked = new NewModel(
                ModelName.Require(parse.GetValue(name) ?? Path.GetFileName(path)), Owner(parse.GetValue(tenant)),
                ModelName.RequireProfile(parse.GetRequiredValue(profile)), parse.GetValue(force))
            {
                Weights = parse.GetValue(weights) is { } kept ? Enum.Parse<ModelWeights>(kept, ignoreCase: true) : null,
            };
            using var input = url is null ? ModelInput.Local(path) : await BlobModelInput.OpenAsync(url, storage, cancellation);
            void Uploaded(string file, ModelFile uploaded) => report.Progress($"{uploaded.Sha256}  {file}  {uploaded.Bytes:N0} bytes");
            var model = await new ModelAddition(storage, storage.Time).RunAsync(asked, input, Uploaded, cancellation);
            report.Result(
                ModelView.From(model),
                $"{model.Id} is added: {model.Family}, {Parameters(model)}, context of {model.ContextLength} tokens, "
                + $"profile {model.Profile}{(model.Weights == ModelWeights.Int8 ? ", weights in 8 bits on a card" : "")}, "
                + $"files in {model.Folder}");
        });
        return command;
    }

    private static string Parameters(ModelRecord model) => model.NumActiveParameters == model.NumParameters
        ? $"{model.NumParameters:N0} parameters"
        : $"{model.NumParameters:N0} parameters of which {model.NumActiveParameters:N0} compute a token";

    private static Command List(StorageTarget target)
    {
        var tenant = new Option<string?>("--tenant") { Description = "Only models that this tenant can name" };
        var command = new Command("list", "Lists models") { tenant };
        command.SetAction(async (parse, cancellation) =>
        {
            List<ModelView> models = [];
            string? only = parse.GetValue(tenant);
            await foreach (var model in new ModelCatalog(target.Connect(parse)).ListAllAsync(cancellation))
            {
                if (only is null || model.Tenant == only || model.Tenant == ModelRecord.EveryTenant)
                    models.Add(ModelView.From(model));
            }
            target.Report(parse).Table(
                models, ("NAME", model => model.Id), ("TENANT", model => model.Tenant ?? "all"), ("PROFILE", model => model.Profile),
                ("FAMILY", model => model.Family), ("PARAMETERS", model => model.Parameters), ("ACTIVE", model => model.ActiveParameters),
                ("CONTEXT", model => model.ContextLength), ("TOKENS/S", model => model.TokensPerSecond),
                ("ADAPTER OF", model => model.BaseModel), ("FILES", model => model.Folder ?? "the workers' own"),
                ("WEIGHTS", model => model.Weights),
                ("CREATED", model => model.CreatedAt));
        });
        return command;
    }

    private static Command Remove(StorageTarget target)
    {
        var name = new Argument<string>("name") { Description = "Name from 'models list'" };
        var tenant = Tenant();
        var force = new Option<bool>("--force") { Description = "Removes it although it is needed. Lines and jobs that need it fail" };
        var command = new Command("remove", "Removes a model and its files, unless an open job, a schedule or an adapter needs it")
        {
            name, tenant, force,
        };
        command.SetAction(async (parse, cancellation) =>
        {
            var storage = target.Connect(parse);
            var removal = ModelRemoval.Create(storage, storage.Time);
            string id = parse.GetRequiredValue(name);
            string owner = Owner(parse.GetValue(tenant));
            var (model, hasDeletedFiles) = await RemoveAsync(removal, owner, id, parse.GetValue(force), cancellation);
            string files = hasDeletedFiles ? "and its files are deleted"
                : model.Folder.Length == 0 ? "but workers that have it in their own folder register it again when they start"
                : "and its files stay: another model has them as well";
            target.Report(parse).Result(
                new { id = model.Id, removed = true, deleted_files = hasDeletedFiles }, $"{model.Id} is removed, {files}");
        });
        return command;
    }

    private static async Task<RemovedModel> RemoveAsync(
        ModelRemoval removal, string tenant, string name, bool isForced, CancellationToken cancellation)
    {
        try
        {
            return await removal.RunAsync(tenant, name, isForced, cancellation)
                ?? throw new OperatorException($"There is no model {name}", ExitCodes.NotFound);
        }
        catch (ModelNotRemovedException refusal)
        {
            throw new OperatorException(refusal.Message);
        }
    }

    private static Command Prune(StorageTarget target)
    {
        var delete = new Option<bool>("--delete") { Description = "Deletes them. Without it they are only listed" };
        var command = new Command(
            "prune",
            $"Lists folders that belong to no model and were not written to for {UnusedFolders.MinAge.TotalHours:N0} hours: "
            + "those of replaced models and of killed commands")
        {
            delete,
        };
        command.SetAction(async (parse, cancellation) =>
        {
            var storage = target.Connect(parse);
            var unused = await new UnusedFolders(storage, storage.Time).ListAsync(cancellation);
            if (parse.GetValue(delete))
            {
                foreach (var folder in unused)
                    await new ModelFolders(storage).DeleteAsync(folder.Folder, cancellation);
            }
            target.Report(parse).Table(
                unused, ("FOLDER", folder => folder.Folder), ("BYTES", folder => folder.Bytes), ("WHOLE", folder => folder.IsWhole),
                ("MODIFIED", folder => folder.ModifiedAt));
        });
        return command;
    }
}
