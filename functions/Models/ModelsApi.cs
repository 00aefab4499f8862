using LLaDA.Batch.Functions.Files;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Removal;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Models;

/// <summary>A model on the wire.</summary>
public sealed record ModelObject(string Id, long Created, string OwnedBy, int ContextLength)
{
    public string Object => "model";

    public static ModelObject From(ModelRecord model) =>
        new(model.Id, model.CreatedAt.ToUnixTimeSeconds(), model.Tenant == ModelRecord.EveryTenant ? "system" : model.Tenant, model.ContextLength);
}

/// <summary><c>/v1/models</c>. Ids may hold colons and slashes.</summary>
internal static class ModelsApi
{
    public static void Map(IEndpointRouteBuilder v1)
    {
        v1.MapGet("/models", ListAsync);
        v1.MapGet("/models/{**id}", GetAsync);
        v1.MapDelete("/models/{**id}", DeleteAsync);
    }

    private static async Task<IResult> ListAsync(HttpContext context, ModelCatalog models)
    {
        var known = await models.ListAsync(context.Tenant(), context.RequestAborted);
        return Json(new ListPage<ModelObject>([.. known.Select(ModelObject.From)], known.FirstOrDefault()?.Id, known.LastOrDefault()?.Id, HasMore: false));
    }

    private static async Task<IResult> GetAsync(string id, HttpContext context, ModelCatalog models)
    {
        var model = await models.FindAsync(context.Tenant(), Uri.UnescapeDataString(id), context.RequestAborted);
        return model is null ? throw ApiException.NotFound($"model: {id}") : Json(ModelObject.From(model));
    }

    /// <summary>What a job has made, its tenant may delete; what the operator has added, nobody but him.</summary>
    private static async Task<IResult> DeleteAsync(string id, HttpContext context, ModelCatalog models, ModelRemoval remove)
    {
        id = Uri.UnescapeDataString(id);
        if (!FineTunedModels.IsName(id) && await models.FindAsync(context.Tenant(), id, context.RequestAborted) is not null)
            throw ApiException.Forbidden($"Only a model that a fine-tuning job of yours has made can be deleted, and '{id}' is none");
        try
        {
            bool isRemoved = FineTunedModels.IsName(id) && await remove.RunAsync(context.Tenant(), id, isForced: false, context.RequestAborted) is not null;
            return isRemoved ? Json(new DeletedObject(id, "model")) : throw ApiException.NotFound($"model: {id}");
        }
        catch (ModelNotRemovedException refusal)
        {
            throw ApiException.Conflict(refusal.Message, refusal.Code);
        }
    }

    private static IResult Json<T>(T value) => Results.Json(value, WireJson.Options);
}
