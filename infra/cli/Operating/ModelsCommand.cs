using System.CommandLine;
using System.Text.RegularExpressions;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Removal;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Cli.Operating;

/// <summary>Models that batches and fine-tuning jobs can name.</summary>
internal static partial class ModelsCommand
{
    private sealed record Model(string Id, string? Tenant, string Profile, int ContextLength, double? TokensPerSecond, string? BaseModel, string? Folder, DateTimeOffset CreatedAt)
    {
        public static Model From(ModelRecord model) => new(
            model.Id, model.Tenant == ModelRecord.EveryTenant ? null : model.Tenant, model.Profile, model.ContextLength,
            model.TokenForwardsPerSecond > 0 ? model.TokenForwardsPerSecond : null, NullIfEmpty(model.BaseModel), NullIfEmpty(model.Folder), model.CreatedAt);
    }

    public static Command Create()
    {
        var target = new StorageTarget();
        var group = new Command("models", "Models that jobs can name: add, list, remove, prune") { Add(target), List(target), Remove(target), Prune(target) };
        target.AddTo(group);
        return group;
    }

    private static Option<string?> Tenant() => new("--tenant") { Description = "Whose model; everybody's unless given" };

    private static Command Add(StorageTarget target)
    {
        var source = new Argument<string>("source") { Description = "A folder in Hugging Face layout: config.json, tokenizer.json, safetensors; on this machine, or the URL of one in Blob storage, with a shared access signature or without" };
        var (name, tenant) = (new Option<string?>("--name") { Description = "What jobs call it; the folder's name unless given" }, Tenant());
        var profile = new Option<string>("--profile") { Description = "The hardware that runs it", DefaultValueFactory = _ => StorageNames.DefaultProfile };
        var force = new Option<bool>("--force") { Description = "Change the weights even of a model that adapters were trained on" };
        var command = new Command("add", "Checks a model, uploads it and makes it known; a changed one under a known name takes its place, an unchanged one is not uploaded again") { source, name, tenant, profile, force };
        command.SetAction(async (parse, cancellation) =>
        {
            var (storage, report) = (target.Connect(parse), target.Report(parse));
            string from = parse.GetRequiredValue(source);
            var url = Uri.TryCreate(from, UriKind.Absolute, out var parsed) && parsed.Scheme is "https" or "http" ? parsed : null;
            string path = url is null ? Path.TrimEndingDirectorySeparator(Path.GetFullPath(from)) : Uri.UnescapeDataString(url.AbsolutePath.TrimEnd('/'));
            var asked = new NewModel(CheckedName(parse.GetValue(name) ?? Path.GetFileName(path)), Owner(parse.GetValue(tenant)), CheckedProfile(parse.GetRequiredValue(profile)), parse.GetValue(force));
            using var input = url is null ? ModelInput.Local(path) : await BlobModelInput.OpenAsync(url, storage, cancellation);
            var model = await new AddModel(storage, TimeProvider.System).RunAsync(asked, input, (file, uploaded) => report.Progress($"{uploaded.Sha256}  {file}  {uploaded.Bytes:N0} bytes"), cancellation);
            report.Tell(Model.From(model), $"{model.Id} can be named: context of {model.ContextLength} tokens, profile {model.Profile}, files in {model.Folder}");
        });
        return command;
    }

    private static Command List(StorageTarget target)
    {
        var tenant = new Option<string?>("--tenant") { Description = "Those that this one can name, everybody's included" };
        var command = new Command("list", "Lists models") { tenant };
        command.SetAction(async (parse, cancellation) =>
        {
            List<Model> models = [];
            string? only = parse.GetValue(tenant);
            await foreach (var model in new ModelCatalog(target.Connect(parse)).ListAllAsync(cancellation))
            {
                if (only is null || model.Tenant == only || model.Tenant == ModelRecord.EveryTenant)
                    models.Add(Model.From(model));
            }
            target.Report(parse).Table(
                models, ("NAME", model => model.Id), ("TENANT", model => model.Tenant ?? "everybody"), ("PROFILE", model => model.Profile), ("CONTEXT", model => model.ContextLength),
                ("TOKENS/S", model => model.TokensPerSecond), ("CHANGES", model => model.BaseModel), ("FILES", model => model.Folder ?? "the workers' own"), ("CREATED", model => model.CreatedAt));
        });
        return command;
    }

    private static Command Remove(StorageTarget target)
    {
        var (name, tenant) = (new Argument<string>("name") { Description = "As 'models list' tells it" }, Tenant());
        var force = new Option<bool>("--force") { Description = "Whoever needs it: their lines and jobs fail" };
        var command = new Command("remove", "Removes a model with its files, unless a job that has not ended, a schedule or an adapter needs it") { name, tenant, force };
        command.SetAction(async (parse, cancellation) =>
        {
            var (model, hasDeletedFiles) = await RemoveAsync(target.Connect(parse), Owner(parse.GetValue(tenant)), parse.GetRequiredValue(name), parse.GetValue(force), cancellation);
            string files = hasDeletedFiles ? "and its files are deleted"
                : model.Folder.Length == 0 ? "but workers that have it in a folder of their own make it known again when they start"
                : "and its files stay: another model has them as well";
            target.Report(parse).Tell(new { id = model.Id, removed = true, deleted_files = hasDeletedFiles }, $"{model.Id} is removed, {files}");
        });
        return command;
    }

    private static async Task<RemovedModel> RemoveAsync(StorageAccount storage, string tenant, string name, bool isForced, CancellationToken cancellation)
    {
        try
        {
            return await ModelRemoval.Create(storage, TimeProvider.System).RunAsync(tenant, name, isForced, cancellation) ?? throw new OperatorException($"There is no model {name}", ExitCodes.NotFound);
        }
        catch (ModelNotRemovedException refusal)
        {
            throw new OperatorException(refusal.Message);
        }
    }

    private static Command Prune(StorageTarget target)
    {
        var delete = new Option<bool>("--delete") { Description = "Delete them; else they are only listed" };
        var command = new Command("prune", $"Lists the folders that no model has and nobody wrote to for {UnusedFolders.MinAge.TotalDays:N0} day: of replaced models, and of commands that were killed") { delete };
        command.SetAction(async (parse, cancellation) =>
        {
            var storage = target.Connect(parse);
            var unused = await new UnusedFolders(storage, TimeProvider.System).ListAsync(cancellation);
            if (parse.GetValue(delete))
            {
                foreach (var folder in unused)
                    await new ModelFolders(storage).DeleteAsync(folder.Folder, cancellation);
            }
            target.Report(parse).Table(unused, ("FOLDER", folder => folder.Folder), ("BYTES", folder => folder.Bytes), ("WHOLE", folder => folder.IsWhole), ("MODIFIED", folder => folder.ModifiedAt));
        });
        return command;
    }

    private static string Owner(string? tenant) => tenant ?? ModelRecord.EveryTenant;

    private static string? NullIfEmpty(string text) => text.Length == 0 ? null : text;

    /// <remarks>Without colons, which the results of fine-tuning jobs have.</remarks>
    private static string CheckedName(string name) => NamePattern().IsMatch(name) && !name.Contains("..", StringComparison.Ordinal)
        ? name
        : throw new OperatorException($"'{name}' is no name of a model: use 1 to 100 letters, digits, dots, hyphens, underscores and slashes, and name it with --name");

    private static string CheckedProfile(string profile) => ProfilePattern().IsMatch(profile)
        ? profile
        : throw new OperatorException($"'{profile}' is no hardware profile: use 1 to 40 lower-case letters, digits and hyphens");

    [GeneratedRegex("^[A-Za-z0-9][A-Za-z0-9._/-]{0,98}[A-Za-z0-9]\\z|^[A-Za-z0-9]\\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex NamePattern();

    [GeneratedRegex("^[a-z0-9](-?[a-z0-9]){0,39}\\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex ProfilePattern();
}
